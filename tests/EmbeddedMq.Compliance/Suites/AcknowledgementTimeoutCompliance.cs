namespace EmbeddedMq.Compliance;

/// <summary>Deliveries that nobody settles for too long, and what comes of their channel.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class AcknowledgementTimeoutCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(4); // on a server in real time, where settling may take a while

    protected override EngineCapabilities Needs => EngineCapabilities.Limits;

    protected override EngineOptions Options { get; } = new() { AcknowledgementTimeout = Timeout };

    [Fact, AmqpItem("A7.16")]
    public async Task Delivery_NotSettledInTime_ClosesItsChannelAndGoesBack()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectNextAsync("m");
        await LetTimePassAsync();

        await ExpectTimedOutAsync(channel);
        await consumer.ExpectFailureAsync<ChannelException>();
        Assert.True((await GetAsync(queue)).Redelivered);
    }

    [Fact, AmqpItem("A7.16")]
    public async Task Delivery_NotReadInTime_ClosesItsChannelToo()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        IChannel channel = await OpenChannelAsync();
        await channel.StartConsumerAsync(queue);
        await ExpectReadyAsync(queue, 0);
        await LetTimePassAsync();

        await ExpectTimedOutAsync(channel);
        await ExpectMessagesAsync(queue, Numbers(1, 3));
    }

    [Fact, AmqpItem("A7.16")]
    public async Task Delivery_TakenWithGetAndNotSettledInTime_ClosesItsChannel()
    {
        string queue = await TimeOutAfterGetAsync();

        await ExpectMessagesAsync(queue, "m");
    }

    [Fact, AmqpItem("A7.16")]
    public async Task Delivery_SettledBehindOneThatIsNot_DoesNotHelpThatOne()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 2);
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectNextAsync("1");
        await consumer.AckNextAsync("2");
        await LetTimePassAsync();

        await ExpectTimedOutAsync(channel);
        await ExpectMessagesAsync(queue, "1");
    }

    [Fact, AmqpItem("A7.16")]
    public async Task Deliveries_SettledInTime_LeaveTheirChannelOpen()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue);
        foreach (string text in Numbers(1, 5))
        {
            await SendAsync(queue, text);
            await consumer.AckNextAsync(text);
            await Engine.AdvanceAsync(Timeout / 2);
        }

        Assert.True(Channel.IsOpen);
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.16")]
    public async Task Delivery_SettledByReadingIt_LeavesItsChannelOpen()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { AutoAck = true }, channel);
        await consumer.ExpectNextAsync("m");
        await LetTimePassAsync();

        Assert.True(channel.IsOpen);
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.16")]
    public async Task Channels_BesideOneThatTimesOut_StayOpen()
    {
        await TimeOutAfterGetAsync();

        Assert.True(Channel.IsOpen);
        Assert.True(Connection.IsOpen);
    }

    private async Task<string> TimeOutAfterGetAsync()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        IChannel channel = await OpenChannelAsync();
        await GetUnsettledAsync(channel, queue);
        await LetTimePassAsync();

        await ExpectTimedOutAsync(channel);
        return queue;
    }

    // A broker looks now and then: it is late by one look, and may count from the one before.
    private async Task LetTimePassAsync()
    {
        await Engine.AdvanceAsync(Timeout);
        await Engine.AdvanceAsync(Timeout);
    }

    private async Task ExpectTimedOutAsync(IChannel channel)
    {
        CloseReason reason = await SoonAsync(channel.Closed);
        string text = $"delivery acknowledgement on channel {channel.Number} timed out. Timeout value used: 4000 ms. This timeout value can be configured, see consumers doc guide to learn more";
        Assert.Equal(
            (CloseInitiator.Broker, ReplyCode.PreconditionFailed, ReplyTexts.Full(ReplyCode.PreconditionFailed, text)),
            (reason.Initiator, reason.ReplyCode, reason.ReplyText));
    }
}
