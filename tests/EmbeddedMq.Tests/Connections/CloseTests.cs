using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Connections;

/// <summary>Closing beside another close: each call ends, none tells of the other, and nothing is left.</summary>
public sealed class CloseTests
{
    private const int Rounds = 300;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Close_BesideEveryOtherClose_EndsAndLeavesNothing(bool isStored)
    {
        await using StoredBroker? stored = isStored ? await StoredBroker.StartAsync() : null;
        await using Broker? inMemory = isStored ? null : await Broker.StartAsync();
        Broker broker = stored?.Broker ?? inMemory!;
        for (int round = 0; round < Rounds; round++)
        {
            await broker.Management.CreateVirtualHostAsync("passing");
            Held held = await Held.MakeAsync(broker, "passing");
            Func<Task>[] closes =
            [
                async () => await held.Connection.CloseAsync(),
                async () => await held.Connection.DisposeAsync(),
                async () => await held.Consuming.CloseAsync(),
                async () => await held.Consumer.DisposeAsync(),
                async () => await broker.Management.CloseConnectionsAsync(held.Connection.Name, "cut"),
                .. round % 2 == 0 ? [async () => await broker.Management.DeleteVirtualHostAsync("passing")] : Array.Empty<Func<Task>>(),
            ];

            await AllAtOnceAsync(closes).WithinPatienceAsync($"the closes of round {round}");

            await held.AssertOverAsync();
            if (round % 2 != 0)
            {
                Assert.DoesNotContain(await broker.Management.ListQueuesAsync("passing"), static queue => queue.Name == "exclusive");
                await broker.Management.DeleteVirtualHostAsync("passing");
            }
        }

        Assert.Empty(await broker.Management.ListConnectionsAsync());
        Assert.Equal(0, broker.MemoryBytes);
    }

    [Fact]
    public async Task Close_BesideTheBrokersStop_Ends()
    {
        for (int round = 0; round < Rounds; round++)
        {
            Broker broker = await Broker.StartAsync();
            Held held = await Held.MakeAsync(broker, "/");
            await AllAtOnceAsync(
                async () => await broker.DisposeAsync(),
                async () => await broker.DisposeAsync(),
                async () => await held.Connection.CloseAsync(),
                async () => await held.Publishing.CloseAsync()).WithinPatienceAsync($"the closes of round {round}");
            await held.AssertOverAsync();
        }
    }

    private static Task AllAtOnceAsync(params Func<Task>[] calls)
    {
        Barrier start = new(calls.Length);
        return Task.WhenAll(calls.Select(call => Task.Factory.StartNew(
            async () =>
            {
                start.SignalAndWait(); // on a thread of its own
                await call();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default).Unwrap()));
    }

    /// <summary>A connection that holds some of everything: an exclusive queue, unsettled and unread deliveries, a reader, a publish that waits.</summary>
    private sealed record Held(IConnection Connection, IChannel Publishing, IChannel Consuming, IConsumer Consumer, Task Reader, Task<PublishResult> Waiting)
    {
        public static async Task<Held> MakeAsync(Broker broker, string virtualHost)
        {
            IConnection connection = await broker.ConnectAsync(new ConnectionOptions { VirtualHost = virtualHost });
            IChannel publishing = await connection.OpenChannelAsync();
            IChannel consuming = await connection.OpenChannelAsync();
            await publishing.DeclareExchangeAsync("x", ExchangeType.Fanout, static x => x.Durable().AutoDelete());
            await publishing.DeclareQueueAsync("exclusive", static q => q.Exclusive().Durable());
            await publishing.BindQueueAsync("exclusive", "x", "");
            await publishing.DeclareQueueAsync("full", static q => q.MaxLength(1, Overflow.BlockPublisher));
            await publishing.PublishAsync("", "full", Message.Text("1"));
            Task<PublishResult> waiting = publishing.TryPublishAsync("", "full", Message.Text("2")).AsTask();
            await publishing.PublishAsync("x", "", Message.Text("a", MessageProperties.Persistent));
            await publishing.PublishAsync("x", "", Message.Text("b", MessageProperties.Persistent));
            Assert.NotNull(await consuming.GetAsync("exclusive"));
            IConsumer consumer = await consuming.StartConsumerAsync("exclusive", new ConsumerOptions { PrefetchCount = 1 });
            return new Held(connection, publishing, consuming, consumer, ReadAsync(consumer), waiting);
        }

        public async Task AssertOverAsync()
        {
            await Connection.Closed.WithinPatienceAsync("the end of the connection");
            await Publishing.Closed.WithinPatienceAsync("the end of the publishing channel");
            await Consuming.Closed.WithinPatienceAsync("the end of the consuming channel");
            await Consumer.Ended.WithinPatienceAsync("the end of the consumer");
            await Reader.WithinPatienceAsync("the end of the reader");
            if (await Record.ExceptionAsync(() => Waiting.WithinPatienceAsync("the end of the publish")) is { } error)
            {
                Assert.IsAssignableFrom<EmbeddedMqException>(error);
            }

            Assert.Empty(Connection.Channels);
        }

        private static async Task ReadAsync(IConsumer consumer)
        {
            try
            {
                await foreach (Delivery delivery in consumer.ReadAllAsync())
                {
                    Assert.NotNull(delivery.Message);
                }
            }
            catch (EmbeddedMqException)
            {
                // How it ended: closed by the broker.
            }
        }
    }
}
