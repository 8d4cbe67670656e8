using System.Globalization;
using EmbeddedMq.Model.Tests.Scripts;

namespace EmbeddedMq.Model.Tests.Model;

/// <content>Publishing, routing, limits, expiry and dead-lettering.</content>
internal sealed partial class ModelBroker
{
    private ModelPublish? _current;

    private string Publish(ModelChannel channel, Command.Publish command)
    {
        ModelExchange exchange = FindExchange(channel, command.Exchange);
        if (command.Expiration is { } text && !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw Fail(channel, 406, $"PRECONDITION_FAILED - invalid expiration '{text}': no_integer");
        }

        if (channel.Mode == ChannelMode.Confirm)
        {
            channel.LastSequence++;
        }

        ModelMessage message = new(command.Id, command.Size, command.Priority, command.Expiration, command.Exchange, command.Key);
        List<ModelQueue> destinations = RouteInOrder(exchange, command.Key);
        if (destinations.Count == 0 && command.Mandatory)
        {
            _events.Add($"returned {command.Id}: 312 NO_ROUTE, exchange '{command.Exchange}' key '{command.Key}'");
            return Render.Outcome(new PublishResult(PublishOutcome.Returned, channel.LastSequence));
        }

        _current = new ModelPublish(channel, message, channel.LastSequence) { OpenQueues = destinations.Count, WasRouted = destinations.Count > 0 };
        ModelPublish publish = _current;
        foreach (ModelQueue queue in destinations)
        {
            Later(publish, () => Offer(queue, publish));
        }

        return "";
    }

    /// <summary>What the publisher is told, now that the message's way has been gone as far as it goes.</summary>
    private string PublishAnswer(Command.Publish command, string answer)
    {
        if (_current is not { } publish)
        {
            return answer;
        }

        _current = null;
        if (publish.OpenQueues > 0)
        {
            _waitingPublishes.Add(publish);
            return $"waits (publish {command.Id})";
        }

        return Outcome(publish);
    }

    private void CompleteWaitingPublishes()
    {
        foreach (ModelPublish publish in _waitingPublishes.FindAll(static p => p.OpenQueues == 0))
        {
            _waitingPublishes.Remove(publish);
            Answers.Add(publish.Message.Id, Outcome(publish));
        }
    }

    private string Outcome(ModelPublish publish)
    {
        // Without confirms there is no nack, and a full queue's refusal is not told.
        bool confirms = publish.Channel.Mode == ChannelMode.Confirm;
        if ((publish.Refused && confirms) || publish.LostItsQueue)
        {
            RejectReason reason = publish.Refused && confirms ? RejectReason.QueueFull : RejectReason.QueueDeleted;
            return Render.Outcome(new PublishResult(PublishOutcome.Rejected, publish.Sequence, reason));
        }

        if (publish.WasRouted && confirms)
        {
            ConfirmedAndRouted.Add(publish.Message.Id);
        }

        return Render.Outcome(new PublishResult(PublishOutcome.Confirmed, publish.Sequence));
    }

    /// <summary>The queues that a message reaches, in the order in which they get it: open in AMQP, but the same for the same way as long as the topology stays as it is.</summary>
    private List<ModelQueue> RouteInOrder(ModelExchange? exchange, string key)
    {
        List<ModelQueue> queues = Route(exchange, key);
        string way = $"{exchange?.Name} {key} {string.Join(' ', queues.Select(static q => q.Name))} {_topologyChanges}";
        if (!_orders.TryGetValue(way, out List<string>? order))
        {
            // The usual answer follows what another way from the same exchange has shown; newcomers (index -1) come last.
            List<string> usual = _orders.GetValueOrDefault(exchange?.Name ?? "", []);
            List<ModelQueue> left = [.. queues.OrderBy(q => (uint)usual.IndexOf(q.Name))];
            order = [];
            while (left.Count > 0)
            {
                int next = choices.Next(left.Count);
                order.Add(left[next].Name);
                left.RemoveAt(next);
            }

            _orders.Add(way, order);
            _orders[exchange?.Name ?? ""] = order;
        }

        return [.. queues.OrderBy(q => order.IndexOf(q.Name))];
    }

    /// <summary>The queues that a message reaches, each once; the alternate exchange is asked where no binding matched.</summary>
    private List<ModelQueue> Route(ModelExchange? exchange, string key)
    {
        List<string> asked = [];
        while (exchange is not null && !asked.Contains(exchange.Name))
        {
            asked.Add(exchange.Name);
            IEnumerable<ModelQueue> matched = exchange.Name.Length == 0
                ? _queues.Where(q => q.Name == key)
                : _bindings.Where(b => b.Exchange == exchange.Name && KeyMatches(exchange.Declaration.Type, b.Key, key)).Select(b => _queues.Find(q => q.Name == b.Queue)!);
            List<ModelQueue> queues = [.. flaw == ModelFlaw.OneCopyPerBinding ? matched : matched.Distinct()];
            if (queues.Count > 0)
            {
                return queues;
            }

            exchange = _exchanges.Find(x => x.Name == exchange.Alternate);
        }

        return [];
    }

    private bool KeyMatches(string type, string bindingKey, string key) => type switch
    {
        ExchangeType.Direct => bindingKey == key,
        ExchangeType.Fanout => true,
        _ => WordsMatch(Words(bindingKey), Words(key)),
    };

    private static ReadOnlySpan<string> Words(string key) => key.Length == 0 ? [] : key.Split('.');

    private bool WordsMatch(ReadOnlySpan<string> pattern, ReadOnlySpan<string> words)
    {
        if (pattern.IsEmpty)
        {
            return words.IsEmpty;
        }

        return pattern[0] switch
        {
            "#" => WordsMatch(pattern[1..], words) || (!words.IsEmpty && WordsMatch(pattern, words[1..])),
            "*" when flaw == ModelFlaw.StarMatchesNothing && WordsMatch(pattern[1..], words) => true,
            "*" => !words.IsEmpty && WordsMatch(pattern[1..], words[1..]),
            _ => !words.IsEmpty && words[0] == pattern[0] && WordsMatch(pattern[1..], words[1..]),
        };
    }

    /// <summary>A publish comes to a queue: it is taken, refused, or has to wait.</summary>
    private void Offer(ModelQueue queue, ModelPublish publish)
    {
        if (!_queues.Contains(queue))
        {
            publish.OpenQueues--;
            return;
        }

        if (MustRefuse(queue, publish.Message))
        {
            publish.OpenQueues--;
            publish.Refused = true;
            Refuse(queue, publish.Message);
        }
        else if (MustWait(queue, publish.Message))
        {
            queue.Waiting.Add((publish.Message, publish));
        }
        else
        {
            publish.OpenQueues--;
            Enqueue(queue, publish.Message);
        }
    }

    private static bool MustRefuse(ModelQueue queue, ModelMessage message)
        => queue.Overflow is "reject-publish" or "reject-publish-dlx" && WouldExceed(queue, message);

    private static bool MustWait(ModelQueue queue, ModelMessage message)
        => queue.Overflow == "block-publisher" && (queue.Waiting.Count > 0 || !HasRoom(queue, message));

    private static bool WouldExceed(ModelQueue queue, ModelMessage message)
        => queue.Ready.Count + 1 > queue.MaxLength || queue.ReadyBytes + message.Size > queue.MaxBytes;

    /// <summary>Whether the first in line may come in. An empty queue takes one that is larger than its whole limit: it would wait for ever.</summary>
    private static bool HasRoom(ModelQueue queue, ModelMessage message) => !WouldExceed(queue, message) || queue.Ready.Count == 0;

    /// <summary>Turns a message away. With reject-publish-dlx it counts as having come in and died.</summary>
    private void Refuse(ModelQueue queue, ModelMessage message)
    {
        queue.RefusedTotal++;
        if (queue.Overflow == "reject-publish-dlx")
        {
            queue.EnqueuedTotal++;
            Die(queue, message, "maxlen");
        }
    }

    /// <summary>Takes a message in: to a consumer that waits for one, or to its place in the queue, where limits and expiry apply.</summary>
    private void Enqueue(ModelQueue queue, ModelMessage message)
    {
        long? ttl = message.Expiration is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;
        ttl = ttl is null ? queue.Ttl : Math.Min(ttl.Value, queue.Ttl ?? long.MaxValue);
        ModelEntry entry = new(queue, message, queue.NextPosition++, _now + ttl);
        queue.EnqueuedTotal++;
        if (queue.Ready.Count == 0 && TakeTurn(queue) is { } consumer)
        {
            HandOver(entry, consumer);
            return;
        }

        Insert(entry);
        bool dropped = DropBeyondLimits(queue);

        // A head whose time is over at this very moment, and that this message did not bring up, may as well wait for the timer.
        if (dropped || entry.ExpiresAt is not null || choices.Next(HeadHasExpired(queue) ? 2 : 1) == 1)
        {
            Pump(queue);
        }
    }

    private void Insert(ModelEntry entry)
    {
        List<ModelEntry> ready = entry.Queue.Ready;
        int index = ready.FindIndex(e => e.Level < entry.Level || (e.Level == entry.Level && e.Position > entry.Position));
        if (flaw == ModelFlaw.RequeueGoesToTheEnd && entry.Redelivered)
        {
            index = ready.FindIndex(e => e.Level < entry.Level);
        }

        ready.Insert(index < 0 ? ready.Count : index, entry);
    }

    private bool DropBeyondLimits(ModelQueue queue)
    {
        bool dropped = false;
        while (queue.Overflow == "drop-head" && queue.Ready.Count > 0 && (queue.Ready.Count > queue.MaxLength || queue.ReadyBytes > queue.MaxBytes))
        {
            int victim = flaw == ModelFlaw.DropTail ? queue.Ready.Count - 1 : 0;
            ModelEntry entry = queue.Ready[victim];
            queue.Ready.RemoveAt(victim);
            Die(queue, entry.Message, "maxlen");
            dropped = true;
        }

        return dropped;
    }

    private bool HeadHasExpired(ModelQueue queue) => queue.Ready.Count > 0 && _now >= queue.Ready[0].ExpiresAt;

    /// <summary>Lets a queue go on until it can do no more: expired heads die, messages meet consumers, publishes that wait get the room.</summary>
    private void Pump(ModelQueue queue)
    {
        if (!_queues.Contains(queue))
        {
            return;
        }

        while (true)
        {
            if (flaw == ModelFlaw.ExpiresBehindTheHead && queue.Ready.Find(e => _now >= e.ExpiresAt) is { } expired)
            {
                queue.Ready.Remove(expired);
                Die(queue, expired.Message, "expired");
            }
            else if (HeadHasExpired(queue))
            {
                ModelEntry head = queue.Ready[0];
                queue.Ready.RemoveAt(0);
                Die(queue, head.Message, "expired");
            }
            else if (queue.Ready.Count > 0 && TakeTurn(queue) is { } consumer)
            {
                ModelEntry head = queue.Ready[0];
                queue.Ready.RemoveAt(0);
                HandOver(head, consumer);
            }
            else if (queue.Waiting.Count > 0 && HasRoom(queue, queue.Waiting[0].Message))
            {
                (ModelMessage message, ModelPublish? publish) = queue.Waiting[0];
                queue.Waiting.RemoveAt(0);
                if (publish is not null)
                {
                    publish.OpenQueues--;
                }

                Enqueue(queue, message);
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>A message leaves a queue as dead, for the dead-letter exchange if there is one. The lane keeps one queue's dead in order.</summary>
    private void Die(ModelQueue queue, ModelMessage message, string reason)
    {
        if (queue.DeadLetterExchange is null)
        {
            Drop(queue, message, reason);
            return;
        }

        ModelMessage dead = Bury(queue, message, reason);
        Later((queue, "dead"), () => SendDead(queue, dead, reason));
    }

    private void Drop(ModelQueue queue, ModelMessage message, string reason)
    {
        queue.DroppedTotal++;
        Fates.Add((message.Id, $"dropped by '{queue.Name}': {reason}"));
    }

    /// <summary>The message as it goes to the dead-letter exchange, with its history.</summary>
    private ModelMessage Bury(ModelQueue queue, ModelMessage message, string reason)
    {
        List<ModelDeath> deaths = [.. message.Deaths];
        int known = deaths.FindIndex(d => d.Queue == queue.Name && d.Reason == reason);
        ModelDeath death = known < 0
            ? new ModelDeath(queue.Name, reason, 1, _now / 1000, message.Exchange, message.Key, message.Expiration)
            : deaths[known] with { Count = deaths[known].Count + 1 };
        if (known >= 0)
        {
            deaths.RemoveAt(known);
        }

        deaths.Insert(0, death);
        return message with
        {
            Exchange = queue.DeadLetterExchange!,
            Key = queue.DeadLetterKey ?? message.Key,
            Expiration = flaw == ModelFlaw.ExpirationSurvivesDeath ? message.Expiration : null,
            Deaths = deaths,
        };
    }

    private void SendDead(ModelQueue source, ModelMessage dead, string reason)
    {
        List<ModelQueue> queues = RouteInOrder(_exchanges.Find(x => x.Name == dead.Exchange), dead.Key)
            .FindAll(q => reason == "rejected" || flaw == ModelFlaw.CyclesAreNotCut || !IsCycle(dead, q));
        ModelLetter letter = new(source, dead) { OpenQueues = queues.Count };
        if (queues.Count == 0)
        {
            Drop(source, dead, reason);
        }

        foreach (ModelQueue queue in queues)
        {
            Later((source, "letters"), () => OfferDead(queue, letter, reason));
        }
    }

    /// <summary>Whether a message that nobody rejected since would come back to a queue where it died.</summary>
    private static bool IsCycle(ModelMessage message, ModelQueue queue)
    {
        int last = message.Deaths.ToList().FindIndex(d => d.Queue == queue.Name);
        return last >= 0 && !message.Deaths.Take(last + 1).Any(static d => d.Reason == "rejected");
    }

    /// <summary>A dead message comes to a queue. It has no publisher who could be told; where it must wait, it waits alone.</summary>
    private void OfferDead(ModelQueue queue, ModelLetter letter, string reason)
    {
        letter.OpenQueues--;
        if (_queues.Contains(queue))
        {
            if (MustRefuse(queue, letter.Message))
            {
                Refuse(queue, letter.Message);
            }
            else
            {
                letter.IsTaken = true;
                if (MustWait(queue, letter.Message))
                {
                    queue.Waiting.Add((letter.Message, null));
                }
                else
                {
                    Enqueue(queue, letter.Message);
                }
            }
        }

        if (letter.OpenQueues > 0)
        {
            return;
        }

        if (letter.IsTaken)
        {
            letter.Source.DeadLetteredTotal++;
            Fates.Add((letter.Message.Id, $"dead-lettered by '{letter.Source.Name}': {reason}"));
        }
        else
        {
            Drop(letter.Source, letter.Message, reason);
        }
    }
}
