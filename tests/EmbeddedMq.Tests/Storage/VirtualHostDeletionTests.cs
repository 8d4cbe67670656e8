using EmbeddedMq.Channels;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Tests.Storage;

public sealed class VirtualHostDeletionTests
{
    private const string Name = "again";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The old one's exchange goes with its last binding, and has the name of the new one's.</summary>
    [Fact]
    public async Task VirtualHost_MadeAnewWhileTheOldOneIsCleared_KeepsItsNamesAfterACrash()
    {
        FaultyFiles files = new(1);
        await using StoredBroker stored = await StoredBroker.StartAsync(options =>
            options.Storage.OpenJournal = async (_, time, _) => await FasterJournal.OpenAsync(SmallStore.Options("/store"), files, time));
        Channel old = (Channel)await DeclareAsync(stored.Broker);
        using ManualResetEventSlim isHeld = new();
        using ManualResetEventSlim isOver = new();
        Task holding = OnAThreadOfItsOwn(() => Assert.Single(old.Host.Queues).BeginDelete(_ =>
        {
            isHeld.Set();
            isOver.Wait();
            return new InvalidOperationException("No.");
        }));
        isHeld.Wait(Token);
        Task deleting = OnAThreadOfItsOwn(() => stored.Broker.Management.DeleteVirtualHostAsync(Name).AsTask().GetAwaiter().GetResult());
        await old.Connection.Closed; // from here on it waits for the queue
        await DeclareAsync(stored.Broker);
        isOver.Set();
        await holding;
        await deleting;
        files.KillProcess();
        await stored.RestartAsync();

        await using IConnection connection = await stored.Broker.ConnectAsync(new ConnectionOptions { VirtualHost = Name });
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        await channel.PublishAsync("e", "", Message.Text("m"));
        Assert.Equal("m", (await channel.GetAsync("q"))?.Delivery.Message.GetText());
    }

    private static async Task<IChannel> DeclareAsync(Broker broker)
    {
        await broker.Management.CreateVirtualHostAsync(Name);
        IConnection connection = await broker.ConnectAsync(new ConnectionOptions { VirtualHost = Name });
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        await channel.DeclareExchangeAsync("e", ExchangeType.Fanout, static e => e.Durable().AutoDelete());
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.BindQueueAsync("q", "e", "");
        return channel;
    }

    private static Task OnAThreadOfItsOwn(Action action)
        => Task.Factory.StartNew(action, Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
