using System.Globalization;
using EmbeddedMq.Model.Tests.Model;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>A broker behind the contracts, driven call by call.</summary>
internal sealed class BrokerTarget(BrokerFixture fixture) : IScriptTarget
{
    // Much longer than a hop to the thread pool takes, and short enough for a failing script to be made smaller in reasonable time.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly Dictionary<int, IConnection> _connections = [];
    private readonly Dictionary<int, IChannel> _channels = [];
    private readonly Dictionary<int, Reader> _consumers = [];
    private readonly List<(string Id, Task<PublishResult> Outcome)> _waitingPublishes = [];
    private readonly Dictionary<string, string> _answers = [];
    private readonly List<string> _events = [];
    private readonly DateTimeOffset _start = fixture.Time.GetUtcNow();

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Answers => _answers;

    /// <inheritdoc/>
    public async ValueTask<string> ApplyAsync(Command command)
    {
        _events.Clear();
        string answer;
        try
        {
            answer = await AnswerAsync(command);
        }
        catch (EmbeddedMqException error)
        {
            answer = Error(error);
        }
        await fixture.SettleAsync();
        return answer;
    }

    /// <inheritdoc/>
    public async ValueTask SettleAsync(IReadOnlyCollection<string>? due)
    {
        try
        {
            await Task.WhenAll(_waitingPublishes.Where(p => due?.Contains(p.Id) != false).Select(static p => p.Outcome)).WaitAsync(Moment);
        }
        catch (Exception error) when (error is TimeoutException or EmbeddedMqException)
        {
            // What did not come is missing from the answers; what failed is told there.
        }

        await CollectAnswersAsync();
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ObserveAsync()
    {
        List<string> seen = [.. _events];
        seen.AddRange(_connections.OrderBy(static c => c.Key).Select(static c => $"connection {c.Key}: {Closed(c.Value.CloseReason)}"));
        seen.AddRange(_channels.OrderBy(static c => c.Key).Select(static c => $"channel {c.Key}: {Closed(c.Value.CloseReason)}"));
        foreach ((int id, Reader reader) in _consumers.OrderBy(static c => c.Key))
        {
            Task<ConsumerEnd> ended = reader.Consumer.Ended;
            seen.Add($"consumer {id}: {(ended.IsCompleted ? await ended : "running")}");
        }

        foreach (QueueDescription q in (await fixture.Broker.Management.ListQueuesAsync("/")).OrderBy(static q => q.Name, StringComparer.Ordinal))
        {
            seen.Add(Render.Queue(
                q.Name, q.ReadyCount, q.ReadyBytes, q.UnackedCount, q.WaitingPublishCount, q.ConsumerCount,
                q.EnqueuedTotal, q.AckedTotal, q.RequeuedTotal, q.DeadLetteredTotal, q.DroppedTotal, q.PurgedTotal, q.RejectedPublishTotal));
        }

        return seen;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => fixture.DisposeAsync();

    private async ValueTask<string> AnswerAsync(Command command)
    {
        switch (command)
        {
            case Command.Connect c:
                _connections.Add(c.Connection, await fixture.ConnectAsync(string.Create(CultureInfo.InvariantCulture, $"connection {c.Connection}")));
                return "ok";
            case Command.CloseConnection c:
                await _connections[c.Connection].CloseAsync();
                return "ok";
            case Command.OpenChannel c:
                await OpenChannelAsync(c);
                return "ok";
            case Command.CloseChannel c:
                await _channels[c.Channel].CloseAsync();
                return "ok";
            case Command.DeclareExchange c:
                await _channels[c.Channel].DeclareExchangeAsync(c.Exchange);
                return "ok";
            case Command.DeclareExchangePassive c:
                await _channels[c.Channel].DeclareExchangePassiveAsync(c.Name);
                return "ok";
            case Command.DeleteExchange c:
                await _channels[c.Channel].DeleteExchangeAsync(c.Name, c.IfUnused);
                return "ok";
            case Command.DeclareQueue c:
                return Declared(await _channels[c.Channel].DeclareQueueAsync(c.Queue));
            case Command.DeclareQueuePassive c:
                return Declared(await _channels[c.Channel].DeclareQueuePassiveAsync(c.Name));
            case Command.DeleteQueue c:
                return $"deleted {await _channels[c.Channel].DeleteQueueAsync(c.Name, c.IfUnused, c.IfEmpty)}";
            case Command.Purge c:
                return $"purged {await _channels[c.Channel].PurgeQueueAsync(c.Name)}";
            case Command.Bind { Unbind: false } c:
                await _channels[c.Channel].BindQueueAsync(c.Queue, c.Exchange, c.Key);
                return "ok";
            case Command.Bind c:
                await _channels[c.Channel].UnbindQueueAsync(c.Queue, c.Exchange, c.Key);
                return "ok";
            case Command.Publish c:
                return await PublishAsync(c);
            case Command.Get c:
                return await _channels[c.Channel].GetAsync(c.Queue, c.AutoAck) is { } got ? $"got {Describe(got.Delivery)} remaining {got.RemainingCount}" : "empty";
            case Command.Consume c:
                await ConsumeAsync(c);
                return "ok";
            case Command.Read c:
                return await ReadAsync(c);
            case Command.Cancel c:
                await _consumers[c.Consumer].Consumer.CancelAsync();
                return "ok";
            case Command.DisposeConsumer c:
                await _consumers[c.Consumer].Consumer.DisposeAsync();
                return "ok";
            case Command.Ack c:
                await _channels[c.Channel].AckAsync(c.Tag, c.Multiple);
                return "ok";
            case Command.Nack c:
                await _channels[c.Channel].NackAsync(c.Tag, c.Multiple, c.Requeue);
                return "ok";
            case Command.Reject c:
                await _channels[c.Channel].RejectAsync(c.Tag, c.Requeue);
                return "ok";
            case Command.Recover c:
                await _channels[c.Channel].RecoverAsync();
                return "ok";
            case Command.SetPrefetch c:
                await _channels[c.Channel].SetPrefetchAsync(c.Count, c.PerChannel);
                return "ok";
            case Command.Advance c:
                await AdvanceAsync(c.Milliseconds);
                return "ok";
            default:
                throw new ArgumentOutOfRangeException(nameof(command), command, "No such command.");
        }
    }

    private async ValueTask OpenChannelAsync(Command.OpenChannel command)
    {
        IChannel channel = await _connections[command.Connection].OpenChannelAsync(new ChannelOptions { Mode = command.Mode });
        channel.MessageReturned += (_, returned) => _events.Add(
            $"returned {Id(returned.Message)}: {(int)returned.ReplyCode} {returned.ReplyText}, exchange '{returned.Exchange}' key '{returned.RoutingKey}'");
        _channels.Add(command.Channel, channel);
    }

    private async ValueTask<string> PublishAsync(Command.Publish command)
    {
        MessageProperties properties = new() { Priority = command.Priority, Expiration = command.Expiration };
        Message message = Message.Text(command.Id.PadRight(command.Size, '.'), properties);
        PublishFlags flags = command.Mandatory ? PublishFlags.Mandatory : PublishFlags.None;
        ValueTask<PublishResult> publish = _channels[command.Channel].TryPublishAsync(command.Exchange, command.Key, message, flags);
        if (!publish.IsCompleted)
        {
            _waitingPublishes.Add((command.Id, publish.AsTask()));
            return $"waits (publish {command.Id})";
        }

        return Render.Outcome(await publish);
    }

    private async ValueTask CollectAnswersAsync()
    {
        foreach ((string Id, Task<PublishResult> Outcome) publish in _waitingPublishes.FindAll(static p => p.Outcome.IsCompleted))
        {
            _waitingPublishes.Remove(publish);
            try
            {
                _answers.Add(publish.Id, Render.Outcome(await publish.Outcome));
            }
            catch (EmbeddedMqException error)
            {
                _answers.Add(publish.Id, Error(error));
            }
        }
    }

    private async ValueTask ConsumeAsync(Command.Consume command)
    {
        ConsumerOptions options = new()
        {
            ConsumerTag = command.Tag,
            AutoAck = command.AutoAck,
            PrefetchCount = command.Prefetch,
            Priority = command.Priority,
        };
        IConsumer consumer = await _channels[command.Channel].StartConsumerAsync(command.Queue, options);
        _consumers.Add(command.Consumer, new Reader(consumer));
    }

    private async ValueTask<string> ReadAsync(Command.Read command)
    {
        Reader reader = _consumers[command.Consumer];
        reader.Deliveries ??= reader.Consumer.ReadAllAsync(reader.Stop.Token).GetAsyncEnumerator();
        ValueTask<bool> next = reader.Deliveries.MoveNextAsync();
        if (!next.IsCompleted)
        {
            // The broker posts on its callers' threads: what has not come by now does not come. Stop waiting, or the next delivery would
            // be read before the script says so.
            await reader.StopAsync(next);
            return "nothing came";
        }

        return await next ? "read " + Describe(reader.Deliveries.Current) : "end";
    }

    private async ValueTask AdvanceAsync(int milliseconds)
    {
        for (int left = milliseconds; left > 0; left -= ModelBroker.Tick)
        {
            await fixture.AdvanceAsync(TimeSpan.FromMilliseconds(ModelBroker.Tick));
        }
    }

    private string Describe(Delivery delivery) => Render.Delivery(
        Id(delivery.Message), delivery.Exchange, delivery.RoutingKey, delivery.DeliveryTag, delivery.ConsumerTag, delivery.Redelivered, delivery.DeliveryCount,
        delivery.Properties.Priority, delivery.Properties.Expiration, delivery.Deaths.Select(Describe));

    private string Describe(Death death) => Render.Death(
        death.Queue, ReasonName(death.Reason), death.Count, (long)(death.Time - _start).TotalSeconds, death.Exchange, string.Join(",", death.RoutingKeys), death.OriginalExpiration);

    private static string ReasonName(DeathReason reason) => reason switch
    {
        DeathReason.Rejected => "rejected",
        DeathReason.Expired => "expired",
        DeathReason.MaxLength => "maxlen",
        DeathReason.DeliveryLimit => "delivery_limit",
        _ => reason.ToString(),
    };

    private static string Id(Message message) => message.GetText().TrimEnd('.');

    private static string Declared(QueueDeclared declared) => $"'{declared.Name}' messages {declared.MessageCount} consumers {declared.ConsumerCount}";

    private static string Closed(CloseReason? reason) => reason is null ? "open" : $"closed {(int)reason.ReplyCode} {reason.ReplyText}";

    private static string Error(EmbeddedMqException error) => Render.Error(error.GetType().Name, (int)error.ReplyCode, error.ReplyText);

    /// <summary>A consumer and its enumeration, which begins again after a read that found nothing.</summary>
    private sealed class Reader(IConsumer consumer)
    {
        public IConsumer Consumer { get; } = consumer;

        public CancellationTokenSource Stop { get; private set; } = new();

        public IAsyncEnumerator<Delivery>? Deliveries { get; set; }

        public async ValueTask StopAsync(ValueTask<bool> pending)
        {
            await Stop.CancelAsync();
            try
            {
                await pending;
            }
            catch (OperationCanceledException)
            {
                // As asked.
            }

            await Deliveries!.DisposeAsync();
            Deliveries = null;
            Stop.Dispose();
            Stop = new CancellationTokenSource();
        }
    }
}
