using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <summary>A script carried out on one engine: what it opened, and what can be seen of it after each step.</summary>
/// <remarks>
/// <para>The embedded broker shows every effect when the call returns. A server shows it a little later; so the embedded broker runs first, and
/// on the server each look is repeated until it shows the same, or the patience ends. A difference is then one that stays.</para>
/// <para>Deliveries are read as they come, so that no engine holds any that nobody has seen.</para>
/// </remarks>
/// <param name="broker">The engine.</param>
/// <param name="prefix">What makes names unique on a shared server; left out of what is shown.</param>
/// <param name="passAsync">Lets time pass for the engine.</param>
/// <param name="patience">How long a difference must stay.</param>
internal sealed class EngineRun(IBroker broker, string prefix, Func<TimeSpan, Task> passAsync, TimeSpan patience) : IAsyncDisposable
{
    /// <summary>The queues of every script.</summary>
    internal static readonly string[] Queues = ["q1", "q2", "q3", "q4"];

    /// <summary>The quorum queue of the scripts that have one. It holds one message at a time, because requeued ones keep their place on the
    /// embedded broker only: RabbitMQ's quorum queues put them elsewhere, each version in its own way.</summary>
    internal const string QuorumQueue = "q5";

    /// <summary>The queue that stands for the requester's channel.</summary>
    internal const string ReplyTo = "amq.rabbitmq.reply-to";

    private static readonly string[] PolicyNames = ["p1", "p2"];

    private readonly SortedDictionary<int, IConnection> _connections = [];
    private readonly SortedDictionary<int, IChannel> _channels = [];
    private readonly SortedDictionary<int, Reader> _readers = [];
    private readonly List<string> _returned = [];
    private readonly List<(int Channel, ulong Tag)> _takenFromQuorumQueue = [];
    private readonly SortedDictionary<string, string> _addresses = new(StringComparer.Ordinal); // in requests, by their bodies
    private uint? _quorumReady; // null: there is no such queue
    private bool _hasQuorumQueue;
    private bool _hasPolicies;
    private IConnection? _observing;
    private IChannel? _observer;

    /// <summary>What was delivered and not settled by the script, by channel, as the script chooses from it.</summary>
    internal Dictionary<int, List<ulong>> Unsettled { get; } = [];

    /// <summary>Channels that are open.</summary>
    internal IReadOnlyList<int> OpenChannels => [.. _channels.Where(static c => c.Value.IsOpen).Select(static c => c.Key)];

    /// <summary>Those of them that are transactional.</summary>
    internal IReadOnlyList<int> TransactionalChannels => [.. _channels.Where(static c => c.Value is { IsOpen: true, Mode: ChannelMode.Transactional }).Select(static c => c.Key)];

    /// <summary>A connection that has closed, if one has.</summary>
    internal int? ClosedConnection => _connections.FirstOrDefault(static c => !c.Value.IsOpen) is { Value: not null } closed ? closed.Key : null;

    /// <summary>The bodies of requests that have been seen.</summary>
    internal IReadOnlyList<string> Requests => [.. _addresses.Keys];

    /// <summary>Whether there is a quorum queue.</summary>
    internal bool HasQuorumQueue => _quorumReady is not null;

    /// <summary>Whether a consumer of the quorum queue runs.</summary>
    internal bool HasQuorumConsumer => _readers.Values.Any(static reader => reader.IsOnQuorumQueue && !reader.Consumer.Ended.IsCompleted);

    /// <summary>Whether the quorum queue is there and holds nothing, neither ready nor unsettled.</summary>
    internal bool IsQuorumQueueIdle
        => _quorumReady == 0 && !_takenFromQuorumQueue.Exists(taken => _channels[taken.Channel].IsOpen && Unsettled[taken.Channel].Contains(taken.Tag));

    /// <summary>Consumers that run.</summary>
    internal IReadOnlyList<int> RunningConsumers => [.. _readers.Where(static r => !r.Value.Consumer.Ended.IsCompleted).Select(static r => r.Key)];

    /// <summary>The channel of a consumer.</summary>
    internal int ChannelOf(int consumer) => _readers[consumer].Channel;

    /// <summary>Where the reply to a request goes; empty for one that has not been seen.</summary>
    internal string AddressIn(string request) => _addresses.GetValueOrDefault(request, "");

    /// <summary>The name on the engine of a name in the script.</summary>
    internal string Name(string name) => name.Length == 0 || name.StartsWith("amq.", StringComparison.Ordinal) ? name : prefix + name;

    /// <summary>Opens a connection.</summary>
    internal async Task<string> ConnectAsync(int id)
    {
        _connections[id] = await broker.ConnectAsync();
        return "ok";
    }

    /// <summary>Opens a channel.</summary>
    internal async Task<string> OpenChannelAsync(int id, int connection, ChannelMode mode)
    {
        if (!_connections.TryGetValue(connection, out IConnection? owner) || !owner.IsOpen)
        {
            return "no connection";
        }

        IChannel channel = await owner.OpenChannelAsync(new ChannelOptions { Mode = mode });
        channel.MessageReturned += (_, e) =>
        {
            lock (_returned)
            {
                _returned.Add($"returned {(int)e.ReplyCode} {e.ReplyText} {e.Message.GetText()} '{Strip(e.Exchange)}' '{Anonymous(Strip(e.RoutingKey))}'");
            }
        };
        _channels[id] = channel;
        Unsettled[id] = [];
        return "ok";
    }

    /// <summary>Lets time pass.</summary>
    internal Task PassAsync(TimeSpan time) => passAsync(time);

    /// <summary>Closes a connection.</summary>
    internal async Task<string> CloseConnectionAsync(int id)
    {
        if (!_connections.TryGetValue(id, out IConnection? connection))
        {
            return "no connection";
        }

        await connection.CloseAsync();
        return "ok";
    }

    /// <summary>Makes a call on a channel; its errors are answers.</summary>
    internal async Task<string> OnAsync(int channel, Func<IChannel, Task<string>> call)
    {
        if (!_channels.TryGetValue(channel, out IChannel? used) || !used.IsOpen)
        {
            return "no channel";
        }

        try
        {
            return await call(used);
        }
        catch (EmbeddedMqException error)
        {
            return $"{error.GetType().Name} {Error(error)}";
        }
    }

    /// <summary>Starts a consumer.</summary>
    internal Task<string> ConsumeAsync(int id, int channel, string queue, ConsumerOptions options) => OnAsync(channel, async c =>
    {
        _readers[id] = new Reader(await c.StartConsumerAsync(Name(queue), options), channel, options.AutoAck, queue);
        return "ok";
    });

    /// <summary>Cancels a consumer.</summary>
    internal async Task<string> CancelAsync(int id)
    {
        if (!_readers.TryGetValue(id, out Reader? reader))
        {
            return "no consumer";
        }

        await reader.Consumer.CancelAsync();
        return "ok";
    }

    /// <summary>Takes a message.</summary>
    internal Task<string> GetAsync(int channel, string queue, bool autoAck) => OnAsync(channel, async c =>
    {
        if (await c.GetAsync(Name(queue), autoAck) is not { } got)
        {
            return "empty";
        }

        if (!autoAck)
        {
            NoteUnsettled(channel, got.Delivery.DeliveryTag, queue == QuorumQueue);
        }

        return $"{Describe(got.Delivery, countsFailures: false)} remaining {got.RemainingCount}";
    });

    /// <summary>Makes a call on the quorum queue, which is looked at from then on.</summary>
    internal Task<string> OnQuorumQueueAsync(int channel, Func<IChannel, string, Task<string>> call)
    {
        _hasQuorumQueue = true;
        return OnAsync(channel, c => call(c, Name(QuorumQueue)));
    }

    /// <summary>Sets a policy for one exchange or queue.</summary>
    internal async Task<string> SetPolicyAsync(string name, string target, PolicyTarget applyTo, int priority, HeaderTable definition)
    {
        _hasPolicies = true;
        Policy policy = new(Name(name), $"^{Regex.Escape(Name(target))}$", definition) { ApplyTo = applyTo, Priority = priority };
        await broker.Management.SetPolicyAsync(ConnectionOptions.DefaultVirtualHost, policy);
        return "ok";
    }

    /// <summary>Deletes a policy.</summary>
    internal async Task<string> DeletePolicyAsync(string name)
        => $"{await broker.Management.DeletePolicyAsync(ConnectionOptions.DefaultVirtualHost, Name(name))}";

    /// <summary>Whether a channel has a consumer that runs.</summary>
    internal bool HasConsumer(int channel) => _readers.Values.Any(reader => reader.Channel == channel && !reader.Consumer.Ended.IsCompleted);

    /// <summary>A call's error as a text, without the prefix of names.</summary>
    internal string Error(EmbeddedMqException error) => $"{(int)error.ReplyCode} {Strip(error.ReplyText)}";

    /// <summary>All that can be seen after a step.</summary>
    /// <param name="expected">What another engine showed, to be waited for; <see langword="null"/> for the first.</param>
    internal async Task<IReadOnlyList<string>> ObserveAsync(IReadOnlyList<string>? expected)
    {
        List<string> deliveries = [];
        Stopwatch waited = Stopwatch.StartNew();
        while (true)
        {
            await ReadAsync(deliveries, atOnce: expected is null);
            List<string> seen = [.. deliveries.Order(StringComparer.Ordinal), .. await LookAsync()];
            if (expected is null || seen.SequenceEqual(expected) || waited.Elapsed > patience)
            {
                lock (_returned)
                {
                    _returned.Clear();
                }

                return seen;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(4), TimeProvider.System);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (IConnection connection in _connections.Values)
        {
            await connection.DisposeAsync();
        }

        foreach (Reader reader in _readers.Values)
        {
            await reader.DisposeAsync();
        }

        if (_observing is { } observing)
        {
            IChannel channel = await observing.OpenChannelAsync();
            foreach (string queue in Queues.Append(QuorumQueue))
            {
                await channel.DeleteQueueAsync(Name(queue));
            }

            await observing.DisposeAsync();
        }

        if (_hasPolicies)
        {
            foreach (string policy in PolicyNames)
            {
                await DeletePolicyAsync(policy);
            }
        }
    }

    private static string DescribeDeath(Death death)
        => string.Create(CultureInfo.InvariantCulture, $"{death.Reason} {death.Queue} x{death.Count} '{death.Exchange}' [{string.Join(",", death.RoutingKeys)}] {death.OriginalExpiration}");

    private string Strip(string text) => text.Replace(prefix, "", StringComparison.Ordinal);

    private string Describe(Delivery delivery, bool countsFailures, bool hasTag = true)
    {
        if (delivery.Properties.ReplyTo is { } address)
        {
            _addresses[delivery.Message.GetText()] = address;
        }

        // x-last-death-* is of later servers; times differ; counts of failed deliveries are not told by classic queues.
        IEnumerable<string> headers = delivery.Message.Headers
            .Where(h => h.Key != "x-death" && !h.Key.StartsWith("x-last-death", StringComparison.Ordinal) && (countsFailures || h.Key != "x-delivery-count"))
            .OrderBy(static h => h.Key, StringComparer.Ordinal)
            .Select(static h => $"{h.Key}={(h.Value is IEnumerable<object?> list ? string.Join(",", list) : h.Value)}");
        MessageProperties p = delivery.Properties;
        return Strip(
            $"{delivery.Message.GetText()} {(hasTag ? $"tag {delivery.DeliveryTag} " : "")}'{delivery.Exchange}' '{Anonymous(delivery.RoutingKey)}'{(delivery.Redelivered ? " redelivered" : "")}"
            + $" {p.DeliveryMode} priority {p.Priority} expiration {p.Expiration} user {p.UserId} reply to {Anonymous(p.ReplyTo)} headers [{string.Join("; ", headers)}] deaths [{string.Join("; ", delivery.Deaths.Select(DescribeDeath))}]");
    }

    // Each engine makes addresses of its own.
    private static string? Anonymous(string? name) => name?.StartsWith(ReplyTo + ".", StringComparison.Ordinal) == true ? ReplyTo + ".…" : name;

    private async Task ReadAsync(List<string> deliveries, bool atOnce)
    {
        foreach ((int id, Reader reader) in _readers)
        {
            while ((atOnce ? await reader.TryReadAtOnceAsync() : await reader.TryReadAsync()) is { } delivery)
            {
                deliveries.Add($"consumer {id}: {Describe(delivery, reader.IsOnQuorumQueue, hasTag: !reader.IsForReplies)}");
                if (!reader.AutoAck)
                {
                    NoteUnsettled(reader.Channel, delivery.DeliveryTag, reader.IsOnQuorumQueue);
                }
            }
        }
    }

    private void NoteUnsettled(int channel, ulong tag, bool isFromQuorumQueue)
    {
        if (Unsettled.TryGetValue(channel, out List<ulong>? unsettled))
        {
            unsettled.Add(tag);
            if (isFromQuorumQueue)
            {
                _takenFromQuorumQueue.Add((channel, tag));
            }
        }
    }

    private async Task<List<string>> LookAsync()
    {
        List<string> seen = [];
        lock (_returned)
        {
            seen.AddRange(_returned);
        }

        seen.AddRange(_connections.Select(c => $"connection {c.Key}: {Closed(c.Value.CloseReason)}"));
        seen.AddRange(_channels.Select(c => $"channel {c.Key}: {Closed(c.Value.CloseReason)}"));
        foreach ((int id, Reader reader) in _readers)
        {
            seen.Add($"consumer {id}: {(reader.Consumer.Ended.IsCompleted ? await reader.Consumer.Ended : "runs")}");
        }

        foreach (string queue in _hasQuorumQueue ? Queues.Append(QuorumQueue) : Queues)
        {
            seen.Add($"queue {queue}: {await CountsAsync(queue)}");
        }

        return seen;
    }

    private async Task<string> CountsAsync(string queue)
    {
        _observing ??= await broker.ConnectAsync();
        if (_observer is not { IsOpen: true })
        {
            _observer = await _observing.OpenChannelAsync();
        }

        try
        {
            QueueDeclared declared = await _observer.DeclareQueuePassiveAsync(Name(queue));
            _quorumReady = queue == QuorumQueue ? declared.MessageCount : _quorumReady;

            // A get is a consumer to RabbitMQ's quorum queues until its message is settled.
            return queue == QuorumQueue ? $"{declared.MessageCount} ready" : $"{declared.MessageCount} ready, {declared.ConsumerCount} consumers";
        }
        catch (ChannelException error)
        {
            _quorumReady = queue == QuorumQueue ? null : _quorumReady;
            return Error(error);
        }
    }

    private string Closed(CloseReason? reason) => reason is null ? "open" : $"closed {reason.Initiator} {(int)reason.ReplyCode} {Strip(reason.ReplyText)}";

    /// <summary>Reads a consumer without waiting.</summary>
    private sealed class Reader(IConsumer consumer, int channel, bool autoAck, string queue) : IAsyncDisposable
    {
        private IAsyncEnumerator<Delivery>? _deliveries;
        private Task<bool>? _pending;

        internal IConsumer Consumer => consumer;

        internal int Channel => channel;

        internal bool AutoAck => autoAck;

        internal bool IsOnQuorumQueue => queue == QuorumQueue;

        internal bool IsForReplies => queue == ReplyTo;

        /// <summary>For an engine whose deliveries are there when the call that made them returns: no turn of the thread pool can be too early.</summary>
        internal async Task<Delivery?> TryReadAtOnceAsync()
        {
            using CancellationTokenSource stop = new();
            IAsyncEnumerator<Delivery> deliveries = consumer.ReadAllAsync(stop.Token).GetAsyncEnumerator(stop.Token);
            await using (deliveries)
            {
                ValueTask<bool> next = deliveries.MoveNextAsync();
                if (!next.IsCompleted)
                {
                    await stop.CancelAsync();
                }

                try
                {
                    return await next ? deliveries.Current : null;
                }
                catch (Exception error) when (error is OperationCanceledException or EmbeddedMqException)
                {
                    return null;
                }
            }
        }

        /// <summary>For an engine whose deliveries come a little later: what has come so far.</summary>
        internal async Task<Delivery?> TryReadAsync()
        {
            _deliveries ??= consumer.ReadAllAsync().GetAsyncEnumerator();
            _pending ??= _deliveries.MoveNextAsync().AsTask();
            await Task.Yield();
            if (!_pending.IsCompletedSuccessfully || !await _pending)
            {
                return null;
            }

            _pending = null;
            return _deliveries.Current;
        }

        public async ValueTask DisposeAsync()
        {
            await consumer.DisposeAsync();
            if (_pending is { } pending)
            {
                await pending.ContinueWith(static _ => { }, TaskScheduler.Default);
            }

            if (_deliveries is { } deliveries)
            {
                await deliveries.DisposeAsync();
            }
        }
    }
}
