using System.Buffers;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Channels;

/// <summary>What a transaction holds is carried out or given back, whatever becomes of the transaction.</summary>
public sealed class TransactionTests
{
    [Fact]
    public async Task Commit_OfAPublishWhoseExchangeHasGone_GoesWhereItWasRouted()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel other = await broker.OpenChannelAsync();
        await other.DeclareQueueAsync(new QueueDeclaration("work"));
        await other.DeclareQueueAsync(new QueueDeclaration("results"));
        await other.DeclareExchangeAsync("x", ExchangeType.Fanout);
        await other.BindQueueAsync("results", "x", "");
        await other.PublishAsync("", "work", Message.Text("task"));
        IChannel channel = await broker.OpenChannelAsync(ChannelMode.Transactional);
        GetResult? task = await channel.GetAsync("work");
        await channel.PublishAsync("x", "", Message.Text("result"));
        await channel.AckAsync(task!.Delivery.DeliveryTag);
        await other.DeleteExchangeAsync("x");

        await channel.CommitTransactionAsync();

        Assert.Equal(["result"], await broker.DrainAsync("results"));
        Assert.Empty(await broker.DrainAsync("work"));
        Assert.Equal(0, ((Broker)broker.Broker).MemoryBytes);
    }

    [Fact]
    public async Task Publish_WithAnInvalidCc_FailsBeforeTheCommit()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync(ChannelMode.Transactional);
        Message message = Message.Text("m", new MessageProperties { Headers = HeaderTable.Of("CC", "no list") });

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await channel.PublishAsync("amq.direct", "k", message));

        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
    }

    [Fact]
    public async Task Commit_CancelledWhileAQueueKeepsItWaiting_GoesOn()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync(ChannelMode.Transactional);
        await channel.DeclareQueueAsync(new QueueDeclaration("q").MaxLength(1, Overflow.BlockPublisher));
        await channel.PublishAsync("", "q", Message.Text("1"));
        await channel.PublishAsync("", "q", Message.Text("2"));
        await channel.PublishAsync("", "q", Message.Text("3"));
        using CancellationTokenSource cancellation = new();
        Task commit = channel.CommitTransactionAsync(cancellation.Token).AsTask();
        Assert.False(commit.IsCompleted);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => commit);
        Assert.Equal(["1", "2", "3"], await broker.DrainAsync("q"));
    }

    [Fact]
    public async Task Commit_WithEarlierPublishesThatWaitForMemory_TakesThemAlong()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync(memoryHighWatermarkBytes: 1_000);
        IChannel other = await broker.OpenChannelAsync();
        await other.DeclareQueueAsync(new QueueDeclaration("load"));
        await other.DeclareQueueAsync(new QueueDeclaration("q"));
        await other.PublishAsync("", "load", new Message(new byte[2_000]));
        IChannel channel = await broker.OpenChannelAsync(ChannelMode.Transactional);
        Task<ulong> publish = channel.PublishAsync("", "q", Message.Text("m")).AsTask();
        Assert.False(publish.IsCompleted);

        await channel.CommitTransactionAsync();

        await publish.WaitAsync(BrokerFixture.Patience);
        Assert.Equal(1, (await broker.DescribeAsync("q")).ReadyCount);
    }

    [Fact]
    public async Task Rollback_WithEarlierPublishesThatWaitForMemory_ForgetsThem()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync(memoryHighWatermarkBytes: 1_000);
        IChannel other = await broker.OpenChannelAsync();
        await other.DeclareQueueAsync(new QueueDeclaration("load"));
        await other.DeclareQueueAsync(new QueueDeclaration("q"));
        await other.PublishAsync("", "load", new Message(new byte[2_000]));
        IChannel channel = await broker.OpenChannelAsync(ChannelMode.Transactional);
        Task<ulong> publish = channel.PublishAsync("", "q", Message.Text("m")).AsTask();

        await channel.RollbackTransactionAsync();
        await channel.CommitTransactionAsync();

        await publish.WaitAsync(BrokerFixture.Patience);
        Assert.Equal(0, (await broker.DescribeAsync("q")).ReadyCount);
    }

    /// <summary>Settlements that a transaction would hold, beside the close of their channel: none is carried out, because nothing was committed.</summary>
    [Fact]
    public async Task Ack_BesideTheCloseOfItsChannel_IsNeverCarriedOutWithoutACommit()
    {
        const int Rounds = 300;
        const int Messages = 200;
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel publisher = await broker.OpenChannelAsync();
        await publisher.DeclareQueueAsync(new QueueDeclaration("q"));
        for (int i = 0; i < Messages; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text("m"));
        }

        for (int round = 0; round < Rounds; round++)
        {
            IChannel channel = await broker.OpenChannelAsync(ChannelMode.Transactional);
            await using IConsumer consumer = await channel.StartConsumerAsync("q");
            using Barrier start = new(2);
            Task acking = Task.Run(async () =>
            {
                start.SignalAndWait();
                try
                {
                    for (ulong tag = 1; tag <= Messages; tag++)
                    {
                        await channel.AckAsync(tag);
                    }
                }
                catch (ChannelException)
                {
                    // The close came in between, as it should.
                }
            });
            start.SignalAndWait();
            await channel.CloseAsync();
            await acking;

            QueueDescription queue = await broker.DescribeAsync("q");
            Assert.True((Messages, 0, 0) == (queue.ReadyCount, queue.UnackedCount, queue.AckedTotal), $"Round {round}: {queue}");
        }
    }

    /// <summary>The journal names the queue that there was: the one that has its name since does not get a message that no restart would bring back to it.</summary>
    [Fact]
    public async Task Commit_QueueMadeAnewWhileItIsStored_GoesWithTheOldOne()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel other = await stored.OpenChannelAsync();
        await other.DeclareQueueAsync("q", static q => q.Durable());
        using WatchedBody body = new(2 << 20); // in pieces, which are looked at before the journal is
        IChannel channel = await stored.OpenChannelAsync(ChannelMode.Transactional);
        await channel.PublishAsync("", "q", Message.TakeOwnership(body.Memory, MessageProperties.Persistent));
        body.OnceRead = () => Task.Run(async () =>
        {
            await other.DeleteQueueAsync("q");
            await other.DeclareQueueAsync("q", static q => q.Durable());
        }).GetAwaiter().GetResult();

        await channel.CommitTransactionAsync();

        Assert.Null(body.OnceRead);
        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
        Assert.Equal(0u, (await other.DeclareQueuePassiveAsync("q")).MessageCount);
    }

    /// <summary>A body that calls somebody when it is read, once.</summary>
    private sealed class WatchedBody(int length) : MemoryManager<byte>
    {
        private readonly byte[] _bytes = new byte[length];

        public Action? OnceRead { get; set; }

        public override Memory<byte> Memory => CreateMemory(length);

        public override Span<byte> GetSpan()
        {
            Action? onceRead = OnceRead;
            OnceRead = null;
            onceRead?.Invoke();
            return _bytes;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
