using EmbeddedMq.Channels;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Channels;

/// <summary>What is not settled in time closes its channel: how long that is, and how it is found out without a note for each delivery.</summary>
public sealed class AcknowledgementTimeoutTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Timeout_OfHalfAnHour_CountsFromTheFirstLookAfterTheDelivery()
    {
        await using BrokerFixture broker = await StartAsync(TimeSpan.FromMinutes(30));
        IChannel channel = await HoldOneAsync(broker);
        Pass(broker, 30);
        Assert.True(channel.IsOpen);

        broker.Time.Advance(Minute);

        Assert.Equal(ReplyCode.PreconditionFailed, (await channel.Closed).ReplyCode);
        IChannel other = await broker.OpenChannelAsync();
        Assert.True((await other.GetAsync("q", cancellationToken: Token))!.Delivery.Redelivered);
    }

    [Theory]
    [InlineData(90, 135_000)]  // looks come every 45 seconds
    [InlineData(130, 173_336)] // and every 43.334
    public async Task Timeout_ThatIsNoWholeNumberOfMinutes_IsKeptToWithinALook(int timeout, int closesMs)
    {
        await using BrokerFixture broker = await StartAsync(TimeSpan.FromSeconds(timeout));
        IChannel channel = await HoldOneAsync(broker);
        int openMs = 0;
        while (channel.IsOpen && openMs < 2 * closesMs)
        {
            broker.Time.Advance(TimeSpan.FromMilliseconds(1));
            openMs++;
        }

        Assert.Equal(closesMs, openMs);
    }

    [Fact]
    public async Task Timeout_WhereSomethingIsAlwaysOutButNothingForLong_LeavesTheChannelOpen()
    {
        await using BrokerFixture broker = await StartAsync(Minute);
        IChannel channel = await HoldOneAsync(broker);
        for (ulong tag = 1; tag < 20; tag++)
        {
            await channel.PublishAsync("", "q", Message.Text("m"), cancellationToken: Token);
            Assert.NotNull(await channel.GetAsync("q", cancellationToken: Token));
            broker.Time.Advance(Minute / 2);
            await channel.AckAsync(tag, cancellationToken: Token);
        }

        Assert.True(channel.IsOpen);
    }

    [Fact]
    public async Task Timeout_OnOneChannel_SaysInTheLogWhichDeliveryWasLate()
    {
        using RecordingLog log = new();
        await using BrokerFixture broker = await StartAsync(TimeSpan.FromMinutes(30), log);
        IChannel channel = await HoldOneAsync(broker);

        Pass(broker, 31);

        Assert.False(channel.IsOpen);
        string line = Assert.Single(log.WithId(LogEvents.AcknowledgementTimedOut)).Text;
        Assert.Contains($"Channel {channel.Number} of connection '{channel.Connection.Name}' is closed: its delivery 1 was not settled within 00:30:00.", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3_651 * 24 * 60)]
    public async Task Timeout_OutOfRange_IsRefused(int minutes)
    {
        BrokerOptions options = new();
        options.Limits.AcknowledgementTimeout = TimeSpan.FromMinutes(minutes);

        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await Broker.StartAsync(options, Token));

        Assert.Contains("allowed is 00:00:00.0010000 to 3650.00:00:00, or null for no limit.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Look_AtAStreamThatIsSettledInTime_NeverSeesMoreThanTheTimeBetween()
    {
        DeliveryAges ages = new();
        for (ulong tag = 1; tag < 1_000; tag++)
        {
            Assert.InRange(ages.Look((long)tag * 10, tag, tag + 3), 0, 30);
        }
    }

    [Fact]
    public void Look_AtOneThatStays_CountsFromTheFirstLookAfterIt()
    {
        DeliveryAges ages = new();
        Assert.Equal(0, ages.Look(100, 5, 5));
        Assert.Equal(0, ages.Look(200, 5, 7));
        Assert.Equal(100, ages.Look(300, 5, 7));
        Assert.Equal(200, ages.Look(400, 6, 9)); // 6 was out by the look at 200, too
        Assert.Equal(100, ages.Look(500, 7, 9)); // 7 by that at 400
        Assert.Equal(0, ages.Look(600, 9, 9));
        Assert.Equal(0, ages.Look(700, 9, 10));
        Assert.Equal(600, ages.Look(1_300, 9, 10));
    }

    private static ValueTask<BrokerFixture> StartAsync(TimeSpan timeout, RecordingLog? log = null) => BrokerFixture.StartAsync(options =>
    {
        options.Limits.AcknowledgementTimeout = timeout;
        options.LoggerFactory = log;
    });

    private static async Task<IChannel> HoldOneAsync(BrokerFixture broker)
    {
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", cancellationToken: Token);
        await channel.PublishAsync("", "q", Message.Text("m"), cancellationToken: Token);
        Assert.NotNull(await channel.GetAsync("q", cancellationToken: Token));
        return channel;
    }

    private static void Pass(BrokerFixture broker, int minutes)
    {
        for (int i = 0; i < minutes; i++)
        {
            broker.Time.Advance(Minute);
        }
    }
}
