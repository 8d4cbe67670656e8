namespace EmbeddedMq.Compliance;

/// <summary>Transactions on a channel: what is held, what commit and rollback do.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class TransactionCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private IChannel _transaction = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _transaction = await OpenChannelAsync(ChannelMode.Transactional);
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Publishes_InATransaction_AreHeldUntilCommit()
    {
        string queue = await DeclareQueueAsync();
        Assert.Equal(ChannelMode.Transactional, _transaction.Mode);
        Assert.Equal(0ul, await _transaction.PublishAsync("", queue, Message.Text("1")));
        await _transaction.PublishAsync("", queue, Message.Text("2"));
        await Engine.SettleAsync();
        await ExpectReadyAsync(queue, 0);
        await _transaction.CommitTransactionAsync();
        await ExpectMessagesAsync(queue, "1", "2");
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Publishes_RolledBack_AreForgotten()
    {
        string queue = await DeclareQueueAsync();
        await _transaction.PublishAsync("", queue, Message.Text("forgotten"));
        await _transaction.RollbackTransactionAsync();
        await _transaction.PublishAsync("", queue, Message.Text("kept"));
        await _transaction.CommitTransactionAsync();
        await ExpectMessagesAsync(queue, "kept");
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Commit_NothingHeld_Succeeds()
    {
        await _transaction.CommitTransactionAsync();
        await _transaction.RollbackTransactionAsync();
        Assert.True(_transaction.IsOpen);
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Acks_InATransaction_AreHeldUntilCommit()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        Delivery delivery = await GetUnsettledAsync(_transaction, queue);
        await _transaction.AckAsync(delivery.DeliveryTag);
        await _transaction.CloseAsync();

        // Closed before its commit: the acknowledgement never happened.
        await ExpectMessagesAsync(queue, "m");

        await SendAsync(queue, "n");
        IChannel second = await OpenChannelAsync(ChannelMode.Transactional);
        await second.AckAsync((await GetUnsettledAsync(second, queue)).DeliveryTag);
        await second.CommitTransactionAsync();
        await second.CloseAsync();
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A6.9")]
    public async Task Acks_RolledBack_LeaveTheDeliveriesUnackedNotRequeued()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        Delivery delivery = await GetUnsettledAsync(_transaction, queue);
        await _transaction.AckAsync(delivery.DeliveryTag);
        await _transaction.RollbackTransactionAsync();
        await ExpectReadyAsync(queue, 0);

        // Its tag is known again, and this time the acknowledgement counts.
        await _transaction.AckAsync(delivery.DeliveryTag);
        await _transaction.CommitTransactionAsync();
        await _transaction.CloseAsync();
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A6.8"), AmqpItem("A7.4")]
    public async Task Ack_OfATagTheTransactionHolds_Is406AtOnce()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        Delivery delivery = await GetUnsettledAsync(_transaction, queue);
        await _transaction.AckAsync(delivery.DeliveryTag);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"unknown delivery tag {delivery.DeliveryTag}", c => c.AckAsync(delivery.DeliveryTag), _transaction);

        // The channel failed before its commit, so nothing was acknowledged.
        await ExpectMessagesAsync(queue, "m");
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Rejects_InATransaction_AreHeldUntilCommit()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "dies", "returns");
        Delivery dies = await GetUnsettledAsync(_transaction, queue);
        Delivery returns = await GetUnsettledAsync(_transaction, queue);
        await _transaction.RejectAsync(dies.DeliveryTag);
        await _transaction.NackAsync(returns.DeliveryTag);
        await Engine.SettleAsync();
        await ExpectReadyAsync(queue, 0);
        await ExpectReadyAsync(dead, 0);
        await _transaction.CommitTransactionAsync();
        await ExpectMessagesAsync(dead, "dies");
        await ExpectMessagesAsync(queue, "returns");
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Rejects_OutOfOrderInATransaction_AreCarriedOutOldestFirst()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendNumbersAsync(queue, 5);
        List<ulong> tags = [];
        for (int i = 0; i < 5; i++)
        {
            tags.Add((await GetUnsettledAsync(_transaction, queue)).DeliveryTag);
        }

        await _transaction.RejectAsync(tags[4]);
        await _transaction.NackAsync(tags[1], multiple: true, requeue: false);
        await _transaction.AckAsync(tags[2]);
        await _transaction.RejectAsync(tags[3]);
        await _transaction.CommitTransactionAsync();
        await ExpectMessagesAsync(dead, "1", "2", "5", "4"); // settlements of one kind go together, those behind another kind apart
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Mandatory_InATransaction_ComesBackAtItsCommit()
    {
        List<string> returned = [];
        _transaction.MessageReturned += (_, e) => returned.Add(e.Message.GetText());
        await _transaction.PublishAsync("", Name("missing"), Message.Text("1"), PublishFlags.Mandatory);
        await _transaction.PublishAsync("", Name("missing"), Message.Text("2"), PublishFlags.Mandatory);
        await Engine.SettleAsync();
        Assert.Empty(returned);
        await _transaction.CommitTransactionAsync();
        Assert.Equal(["1", "2"], returned);
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Publish_InATransaction_GoesWhereItWasRoutedWhenPublished()
    {
        string bound = await DeclareQueueAsync();
        string boundLater = await DeclareQueueAsync();
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindQueueAsync(bound, exchange, "");
        await _transaction.PublishAsync(exchange, "", Message.Text("1"));
        await _transaction.DeclareQueuePassiveAsync(bound); // once a server has answered this, it has the publish
        await Channel.UnbindQueueAsync(bound, exchange, "");
        await Channel.BindQueueAsync(boundLater, exchange, "");
        await _transaction.CommitTransactionAsync();
        await ExpectMessagesAsync(bound, "1");
        await ExpectReadyAsync(boundLater, 0);
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Publish_InATransactionToAQueueDeclaredLater_ReachesItAtTheCommit()
    {
        string queue = Name("q");
        await _transaction.PublishAsync("", queue, Message.Text("1"), PublishFlags.Mandatory);
        await Channel.DeclareQueueAsync(queue);
        await _transaction.CommitTransactionAsync();
        await ExpectMessagesAsync(queue, "1");
    }

    [Fact, AmqpItem("A6.8")]
    public async Task CommitAndRollback_NotTransactional_Are406()
    {
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "channel is not transactional", c => c.CommitTransactionAsync());
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "channel is not transactional", c => c.RollbackTransactionAsync());
    }

    [Fact, AmqpItem("A6.8")]
    public async Task SelectTransaction_OnAPlainChannelTwice_Succeeds()
    {
        IChannel channel = await OpenChannelAsync(ChannelMode.Plain);
        await channel.SelectTransactionAsync();
        await channel.SelectTransactionAsync();
        Assert.Equal(ChannelMode.Transactional, channel.Mode);
        await channel.CommitTransactionAsync();
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Commit_AQueueRefusesAMessage_Is406()
    {
        string full = await DeclareQueueAsync(q => q.MaxLength(0, Overflow.RejectPublish));
        await _transaction.PublishAsync("", full, Message.Text("m"));
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "partial tx completion", c => c.CommitTransactionAsync(), _transaction);
    }

    [Fact, AmqpItem("A6.8")]
    public async Task Publish_NoSuchExchange_FailsAtOnceAndForgetsTheTransaction()
    {
        Require(EngineCapabilities.ErrorsAtOnce);
        string queue = await DeclareQueueAsync();
        string missing = Name("missing");
        await _transaction.PublishAsync("", queue, Message.Text("forgotten"));
        await ExpectChannelErrorAsync(
            ReplyCode.NotFound, $"no {ExchangeIn(missing)}", c => c.PublishAsync(missing, "k", Message.Text("m")), _transaction);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A6.9")]
    public async Task Deliveries_DuringATransaction_GoOn()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: _transaction);
        await _transaction.PublishAsync("", Name("missing"), Message.Text("open transaction"));
        await SendAsync(queue, "1", "2");
        IReadOnlyList<Delivery> deliveries = await consumer.ExpectAllAsync("1", "2");
        await _transaction.AckAsync(deliveries[1].DeliveryTag, multiple: true);
        await _transaction.CommitTransactionAsync();
        await _transaction.CloseAsync();
        await ExpectMessagesAsync(queue);
    }

    [Theory, AmqpItem("A6.8"), AmqpItem("A7.6")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Prefetch_AcksHeldInATransaction_FreesItsPlacesAtTheCommit(bool perChannel)
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 6);
        await _transaction.SetPrefetchAsync(2, perChannel);
        TestConsumer consumer = await ConsumeAsync(queue, channel: _transaction);
        Delivery first = await consumer.ExpectNextAsync("1");
        Delivery second = await consumer.ExpectNextAsync("2");
        await _transaction.AckAsync(first.DeliveryTag);
        await SendAsync(queue, "7"); // makes the queue look for someone to deliver to
        await consumer.ExpectNoneAsync();
        await _transaction.CommitTransactionAsync();
        await consumer.ExpectNextAsync("3");
        await consumer.ExpectNoneAsync();

        // Rolled back, the acknowledgement has freed nothing; it can be made again.
        await _transaction.AckAsync(second.DeliveryTag);
        await SendAsync(queue, "8");
        await _transaction.RollbackTransactionAsync();
        await consumer.ExpectNoneAsync();
        await _transaction.AckAsync(second.DeliveryTag);
        await _transaction.CommitTransactionAsync();
        await consumer.ExpectNextAsync("4");
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A6.8"), AmqpItem("A7.6")]
    public async Task SharedPrefetch_AckHeldInATransaction_KeepsItsPlaceFromTheOtherConsumer()
    {
        string queue = await DeclareQueueAsync();
        string other = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 2);
        await _transaction.SetPrefetchAsync(2, perChannel: true);
        TestConsumer consumer = await ConsumeAsync(queue, channel: _transaction);
        TestConsumer otherConsumer = await ConsumeAsync(other, channel: _transaction);
        Delivery first = await consumer.ExpectNextAsync("1");
        Delivery second = await consumer.ExpectNextAsync("2");
        await _transaction.AckAsync(first.DeliveryTag);
        await SendAsync(other, "a", "b", "c");
        await otherConsumer.ExpectNoneAsync();
        await _transaction.RollbackTransactionAsync();
        await otherConsumer.ExpectNoneAsync();
        await _transaction.AckAsync(second.DeliveryTag, multiple: true);
        await otherConsumer.ExpectNoneAsync();
        await _transaction.CommitTransactionAsync();
        await otherConsumer.ExpectNextAsync("a");
        await otherConsumer.ExpectNextAsync("b");
        await otherConsumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A6.8"), AmqpItem("A6.4")]
    public async Task Publish_InATransactionToAQueueThatIsGoneByTheCommit_ComesBackIfMandatory()
    {
        string queue = await DeclareQueueAsync();
        List<string> returned = [];
        _transaction.MessageReturned += (_, e) => returned.Add(e.Message.GetText());
        await _transaction.PublishAsync("", queue, Message.Text("mandatory"), PublishFlags.Mandatory);
        await _transaction.PublishAsync("", queue, Message.Text("not"));
        await Channel.DeleteQueueAsync(queue);
        await _transaction.CommitTransactionAsync();
        Assert.Equal(["mandatory"], returned);
        Assert.True(_transaction.IsOpen);
    }
}
