namespace EmbeddedMq.Compliance;

/// <summary>Listings, their counts, and closing connections from the broker's side.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ManagementCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.Listings;

    [Fact, AmqpItem("A2.1")]
    public async Task Exchanges_Listed_ShowWhatWasDeclaredBesideThePredeclared()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic, e => e.Durable().AutoDelete().Internal().AlternateExchange("ae"));
        IReadOnlyList<ExchangeDescription> listed = await Broker.Management.ListExchangesAsync(VirtualHost);
        ExchangeDeclaration found = Assert.Single(listed, description => description.Name == exchange).Declaration;
        Assert.Equal((ExchangeType.Topic, true, true, true), (found.Type, found.IsDurable, found.IsAutoDelete, found.IsInternal));
        Assert.Equal("ae", found.Arguments["alternate-exchange"]);
        ExchangeDeclaration match = Assert.Single(listed, description => description.Name == "amq.match").Declaration;
        Assert.Equal((ExchangeType.Headers, true), (match.Type, match.IsDurable));
        Assert.Contains(listed, description => description.Name == "");
    }

    [Fact, AmqpItem("A3.5")]
    public async Task Queues_Listed_ShowDeclarationAndCounts()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().MaxLength(100));
        await SendAsync(queue, "1", "22", "333");
        await GetUnsettledAsync(Channel, queue);
        QueueDescription found = await DescribeAsync(queue);
        Assert.Equal((true, false, false), (found.Declaration.IsDurable, found.Declaration.IsExclusive, found.Declaration.IsAutoDelete));
        Assert.Equal((2, 1, 0), (found.ReadyCount, found.UnackedCount, found.ConsumerCount));
        Assert.Equal(5, found.ReadyBytes);
        await ConsumeAsync(queue);
        found = await DescribeAsync(queue);
        Assert.Equal((0, 3, 1), (found.ReadyCount, found.UnackedCount, found.ConsumerCount));
    }

    [Fact, AmqpItem("A3.5")]
    public async Task QueueTotals_OfEveryFate_AddUp()
    {
        Require(EngineCapabilities.Totals);
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.MaxLength(6, Overflow.RejectPublish).DeadLetterTo(dead));
        await SendNumbersAsync(queue, 6);
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("refused"))).Outcome);
        await Channel.AckAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        await GetAsync(queue);
        await Channel.RejectAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        await Channel.NackAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        await Channel.PurgeQueueAsync(queue);

        QueueDescription found = await DescribeAsync(queue);
        Assert.Equal(
            (6, 2, 1, 1, 3, 1),
            (found.EnqueuedTotal, found.AckedTotal, found.DeadLetteredTotal, found.RequeuedTotal, found.PurgedTotal, found.RejectedPublishTotal));
        Assert.Equal(found.EnqueuedTotal, found.AckedTotal + found.DeadLetteredTotal + found.DroppedTotal + found.PurgedTotal + found.ReadyCount + found.UnackedCount);
        Assert.Equal(1, (await DescribeAsync(dead)).EnqueuedTotal);
    }

    [Fact, AmqpItem("A4.8")]
    public async Task QueueTotals_DroppedByPolicy_AreCounted()
    {
        Require(EngineCapabilities.Totals);
        string queue = await DeclareQueueAsync(q => q.MaxLength(1));
        await SendNumbersAsync(queue, 3);
        await Channel.RejectAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        QueueDescription found = await DescribeAsync(queue);
        Assert.Equal((3, 3, 0, 0), (found.EnqueuedTotal, found.DroppedTotal, found.DeadLetteredTotal, found.ReadyCount));
    }

    [Fact, AmqpItem("A2.10"), AmqpItem("A2.19")]
    public async Task Bindings_Listed_LeaveOutTheDefaultExchanges()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string other = await DeclareExchangeAsync(ExchangeType.Fanout);
        string queue = await DeclareBoundQueueAsync(exchange, "k", HeaderTable.Of("a", "b"));
        await Channel.BindExchangeAsync(other, exchange, "e");
        IReadOnlyList<BindingDescription> listed = await Broker.Management.ListBindingsAsync(VirtualHost);
        Assert.Contains(new BindingDescription(exchange, queue, DestinationKind.Queue, "k", HeaderTable.Of("a", "b")), listed);
        Assert.Contains(new BindingDescription(exchange, other, DestinationKind.Exchange, "e", HeaderTable.Empty), listed);
        Assert.DoesNotContain(listed, binding => binding.Source.Length == 0);
        await Channel.DeleteQueueAsync(queue);
        Assert.DoesNotContain(await Broker.Management.ListBindingsAsync(VirtualHost), binding => binding.Destination == queue);
    }

    [Fact, AmqpItem("A14.6")]
    public async Task Connections_Listed_ShowNameUserAndChannels()
    {
        string name = Name("listed");
        IConnection connection = await ConnectAsync(name);
        await OpenChannelAsync(connection: connection);
        await OpenChannelAsync(connection: connection);
        ConnectionDescription found = Assert.Single(await Broker.Management.ListConnectionsAsync(), description => description.Name == name);
        Assert.Equal(new ConnectionDescription(name, VirtualHost, connection.UserName, 2, null), found);
        await connection.CloseAsync();
        Assert.DoesNotContain(await Broker.Management.ListConnectionsAsync(), description => description.Name == name);
    }

    [Fact, AmqpItem("A13.4")]
    public async Task Connections_ClosedByName_GetTheOperatorsReason()
    {
        string name = Name("closed");
        IConnection first = await ConnectAsync(name);
        IConnection second = await ConnectAsync(name);
        Assert.Equal(2, await Broker.Management.CloseConnectionsAsync(name, "maintenance at noon"));
        foreach (IConnection connection in (IConnection[])[first, second])
        {
            Assert.Equal(
                new CloseReason(CloseInitiator.Broker, ReplyCode.ConnectionForced, "CONNECTION_FORCED - maintenance at noon"),
                await SoonAsync(connection.Closed));
        }

        Assert.True(Connection.IsOpen);
        Assert.Equal(0, await Broker.Management.CloseConnectionsAsync(name, "again"));
    }

    private async Task<QueueDescription> DescribeAsync(string queue)
        => Assert.Single(await Broker.Management.ListQueuesAsync(VirtualHost), description => description.Name == queue);
}
