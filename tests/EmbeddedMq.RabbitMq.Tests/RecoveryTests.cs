using System.Collections.Concurrent;
using System.Diagnostics;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>What becomes of publishes, deliveries and topology when the server is killed. Each test has a server of its own.</summary>
public sealed class RecoveryTests(ITestOutputHelper output) : IAsyncLifetime
{
    private RabbitServer _server = null!;
    private RabbitMqBroker _broker = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        SharedRabbitServer.Require();
        _server = await RabbitServer.StartAsync();
        _broker = await RabbitMqBroker.StartAsync(_server.ToOptions());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [Fact]
    public async Task ServerKilled_WhilePublishingAndConsuming_NothingConfirmedIsLost()
    {
        IConnection publishing = await _broker.ConnectAsync(new ConnectionOptions { Name = "publishing" });
        IConnection consuming = await _broker.ConnectAsync(new ConnectionOptions { Name = "consuming" });
        IChannel publisher = await publishing.OpenChannelAsync();
        IChannel channel = await consuming.OpenChannelAsync();
        await channel.DeclareExchangeAsync("orders", ExchangeType.Direct, e => e.Durable());
        await channel.DeclareQueueAsync("orders", q => q.Durable());
        await channel.BindQueueAsync("orders", "orders", "new");
        await using IConsumer consumer = await channel.StartConsumerAsync("orders", new ConsumerOptions { PrefetchCount = 50 });

        using CancellationTokenSource stop = new();
        ConcurrentDictionary<string, bool> confirmed = new();
        ConcurrentDictionary<string, bool> unknown = new();
        ConcurrentDictionary<string, int> seen = new();
        ConcurrentQueue<string> unflagged = new();
        Task publishes = Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() => PublishUntilAsync(publisher, worker, confirmed, unknown, stop.Token))));
        Task consumes = Task.Run(() => ConsumeAsync(channel, consumer, seen, unflagged));

        for (int round = 0; round < 2; round++)
        {
            int before = confirmed.Count;
            await Patiently.UntilAsync(() => confirmed.Count >= before + 500, "publishes before the kill");
            await _server.KillAsync();
            Stopwatch outage = Stopwatch.StartNew();
            await _server.RestartAsync();
            TimeSpan restarted = outage.Elapsed;
            int atRestart = confirmed.Count;
            await Patiently.UntilAsync(() => confirmed.Count > atRestart, "a confirm after the restart");
            output.WriteLine($"Round {round}: server up again after {restarted.TotalSeconds:F1} s, publishing {(outage.Elapsed - restarted).TotalMilliseconds:F0} ms later.");
        }

        int last = confirmed.Count;
        await Patiently.UntilAsync(() => confirmed.Count >= last + 500, "publishes after the last restart");
        await stop.CancelAsync();
        await publishes.WithinPatienceAsync("the last confirms");
        await Patiently.UntilAsync(() => Task.FromResult(confirmed.Keys.All(seen.ContainsKey)), () => $"all confirmed messages; missing {confirmed.Keys.Count(id => !seen.ContainsKey(id))} of {confirmed.Count}");
        output.WriteLine($"{confirmed.Count} confirmed, {unknown.Count} of unknown outcome ({unknown.Keys.Count(seen.ContainsKey)} of them arrived), {seen.Values.Count(static n => n > 1)} seen more than once.");

        // Nobody published twice, so what was seen twice was delivered twice, and says so.
        Assert.Empty(unflagged);
        await consumer.CancelAsync();
        await consumes.WithinPatienceAsync("the end of the consumer");
        Assert.True(publishing.IsOpen && consuming.IsOpen && publisher.IsOpen && channel.IsOpen);
    }

    [Fact]
    public async Task ServerKilled_TransientTopologyAndUnsettledDelivery_ComeBack()
    {
        await using IConnection connection = await _broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        string named = (await channel.DeclareQueueAsync("")).Name;
        await channel.DeclareQueueAsync("durable", q => q.Durable());
        await channel.DeclareExchangeAsync("transient", ExchangeType.Topic);
        await channel.BindQueueAsync(named, "transient", "a.#");
        await channel.PublishAsync("", "durable", Message.Text("unsettled", MessageProperties.Persistent));
        Delivery unsettled = (await channel.GetAsync("durable"))!.Delivery;

        await _server.KillAsync();
        ValueTask<ulong> waiting = channel.PublishAsync("transient", "a.b", Message.Text("waited"), PublishFlags.Mandatory);
        await _server.RestartAsync();

        await waiting.AsTask().WithinPatienceAsync("the confirm of the publish that waited");
        Assert.Equal("waited", (await channel.GetAsync(named, autoAck: true))!.Delivery.Message.GetText());

        // The old tag settles nothing and breaks nothing; the new one is another.
        await channel.AckAsync(unsettled.DeliveryTag);
        GetResult again = (await channel.GetAsync("durable"))!;
        Assert.Equal("unsettled", again.Delivery.Message.GetText());
        Assert.True(again.Delivery.DeliveryTag > unsettled.DeliveryTag);
        Assert.True(again.Delivery.Redelivered);
        await channel.AckAsync(again.Delivery.DeliveryTag);
        Assert.Null(await channel.GetAsync("durable"));
        Assert.True(channel.IsOpen);
    }

    // The server has begun to read it and ceased, for want of memory: so it was sent, and is not confirmed.
    [Fact]
    public async Task ServerKilled_PublishUnderWay_FailsAsOfUnknownOutcome()
    {
        await using IConnection connection = await _broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("durable", q => q.Durable());
        TaskCompletionSource blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, _) => blocked.TrySetResult();
        await _server.RaiseMemoryAlarmAsync();
        Task<ulong> publish = channel.PublishAsync("", "durable", Message.Text("under way", MessageProperties.Persistent)).AsTask();
        await blocked.Task.WithinPatienceAsync("the server's word that it blocks");

        await _server.KillAsync();

        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => publish.WithinPatienceAsync("the end of the publish"));
        Assert.Equal((true, ReplyCode.ConnectionForced), (error.IsTransient, error.ReplyCode));
        await _server.RestartAsync();
        await channel.PublishAsync("", "durable", Message.Text("again", MessageProperties.Persistent));
        Assert.Equal("again", (await channel.GetAsync("durable", autoAck: true))!.Delivery.Message.GetText());
    }

    [Fact]
    public async Task ServerKilled_OutageLongerThanAllowed_CallsFailAsTransientAndWithoutSending()
    {
        RabbitMqOptions options = _server.ToOptions();
        options.OutageTimeout = TimeSpan.FromMilliseconds(200);
        options.RecoveryTimeout = TimeSpan.FromSeconds(2);
        RabbitMqBroker impatient = await RabbitMqBroker.StartAsync(options);
        await using (impatient)
        {
            IConnection connection = await impatient.ConnectAsync();
            IChannel channel = await connection.OpenChannelAsync();
            IChannel transactional = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
            await transactional.PublishAsync("", "nowhere", Message.Text("held"));
            await _server.KillAsync();
            ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => PublishUntilItFailsAsync(channel).WithinPatienceAsync("the failure of a publish"));
            Assert.True(error.IsTransient);
            Assert.Equal(ReplyCode.ConnectionForced, error.ReplyCode);
            CloseReason reason = await connection.Closed.WithinPatienceAsync("the end of the connection");
            Assert.Equal(CloseInitiator.Network, reason.Initiator);
            Assert.True((await Assert.ThrowsAsync<ConnectionException>(async () => await channel.PublishAsync("", "q", Message.Text("x")))).IsTransient);
            await Assert.ThrowsAsync<ConnectionException>(async () => await transactional.CommitTransactionAsync());
        }
    }

    [Fact]
    public async Task ServerKilled_OpenTransaction_ItsCommitFails()
    {
        await using IConnection connection = await _broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
        await channel.DeclareQueueAsync("tx", q => q.Durable());
        await channel.PublishAsync("", "tx", Message.Text("held", MessageProperties.Persistent));
        await _server.KillAsync();
        await _server.RestartAsync();
        await channel.DeclareQueuePassiveAsync("tx");
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () => await channel.CommitTransactionAsync());
        Assert.True(error.IsTransient);
        await channel.PublishAsync("", "tx", Message.Text("again", MessageProperties.Persistent));
        await channel.CommitTransactionAsync();
        Assert.Equal(("again", 0u), ((await channel.GetAsync("tx"))!.Delivery.Message.GetText(), (await channel.DeclareQueuePassiveAsync("tx")).MessageCount));
    }

    private static async Task PublishUntilItFailsAsync(IChannel channel)
    {
        while (true)
        {
            await channel.PublishAsync("", "nowhere", Message.Text("x"));
        }
    }

    private static async Task PublishUntilAsync(
        IChannel channel, int worker, ConcurrentDictionary<string, bool> confirmed, ConcurrentDictionary<string, bool> unknown, CancellationToken stop)
    {
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            string id = $"{worker}-{i}";
            try
            {
                await channel.PublishAsync("orders", "new", Message.Text(id, MessageProperties.Persistent), PublishFlags.Mandatory, CancellationToken.None);
                confirmed[id] = true;
            }
            catch (ConnectionException error) when (error.IsTransient)
            {
                unknown[id] = true;
            }
        }
    }

    private static async Task ConsumeAsync(IChannel channel, IConsumer consumer, ConcurrentDictionary<string, int> seen, ConcurrentQueue<string> unflagged)
    {
        await foreach (Delivery delivery in consumer.ReadAllAsync())
        {
            if (seen.AddOrUpdate(delivery.Message.GetText(), 1, static (_, n) => n + 1) > 1 && !delivery.Redelivered)
            {
                unflagged.Enqueue(delivery.Message.GetText());
            }

            await channel.AckAsync(delivery.DeliveryTag);
        }
    }
}
