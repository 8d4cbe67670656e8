using EmbeddedMq.TestSupport;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Consumers and settlements.</summary>
public sealed class ConsumeTests : ServerTest
{
    [Fact]
    public async Task Consumer_AutoAckNotRead_LosesNothing()
    {
        string queue = await DeclareQueueAsync();
        await PublishAsync(queue, 10);
        IConsumer consumer = await Channel.StartConsumerAsync(queue, new ConsumerOptions { AutoAck = true });
        List<string> read = [];
        await foreach (Delivery delivery in consumer.ReadAllAsync())
        {
            read.Add(delivery.Message.GetText());
            if (read.Count == 4)
            {
                break;
            }
        }

        await consumer.DisposeAsync();
        Assert.Equal(["0", "1", "2", "3"], read);
        Assert.Equal(["4", "5", "6", "7", "8", "9"], await DrainAsync(queue));
        Assert.Equal(ConsumerEnd.Cancelled, await consumer.Ended.WithinPatienceAsync("the end of the consumer"));
    }

    [Fact]
    public async Task AckMultiple_BesideAnAutoAckConsumer_SettlesOnlyWhatTheApplicationHolds()
    {
        string automatic = await DeclareQueueAsync();
        string manual = await DeclareQueueAsync();
        await PublishAsync(automatic, 3);
        await PublishAsync(manual, 3);
        IConsumer unread = await Channel.StartConsumerAsync(automatic, new ConsumerOptions { AutoAck = true });
        List<Delivery> held = [];
        for (int i = 0; i < 3; i++)
        {
            held.Add((await Channel.GetAsync(manual))!.Delivery);
        }

        await Channel.AckAsync(held[^1].DeliveryTag, multiple: true);
        await unread.DisposeAsync();
        Assert.Equal(["0", "1", "2"], await DrainAsync(automatic));
        Assert.Empty(await DrainAsync(manual));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ack_UnknownTag_FailsWithTheServersWords(bool multiple)
    {
        string queue = await DeclareQueueAsync();
        await PublishAsync(queue, 1);
        await Channel.GetAsync(queue);
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await Channel.AckAsync(7, multiple));
        Assert.Equal((ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 7"), (error.ReplyCode, error.ReplyText));
        Assert.False(Channel.IsOpen);
    }

    [Fact]
    public async Task Consumer_QueueDeleted_EndsQuietly()
    {
        string queue = await DeclareQueueAsync();
        IConsumer consumer = await Channel.StartConsumerAsync(queue);
        await Channel.DeleteQueueAsync(queue);
        Assert.Equal(ConsumerEnd.QueueGone, await consumer.Ended.WithinPatienceAsync("the end of the consumer"));
        await foreach (Delivery _ in consumer.ReadAllAsync())
        {
            Assert.Fail("Nothing was published.");
        }

        Assert.True(Channel.IsOpen);
    }

    [Fact]
    public async Task Consumer_TagInUse_ClosesTheConnectionWithTheServersWords()
    {
        string queue = await DeclareQueueAsync();
        await Channel.StartConsumerAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () => await Channel.StartConsumerAsync(queue, new ConsumerOptions { ConsumerTag = "t" }));
        Assert.Equal((ReplyCode.NotAllowed, "NOT_ALLOWED - attempt to reuse consumer tag 't'"), (error.ReplyCode, error.ReplyText));
        Assert.Equal(CloseInitiator.Broker, (await Connection.Closed.WithinPatienceAsync("the end of the connection")).Initiator);
        Assert.False(Channel.IsOpen);
    }

    [Fact]
    public async Task Transaction_RolledBack_UnsettlesWhatItSettled()
    {
        string queue = await DeclareQueueAsync();
        await PublishAsync(queue, 1);
        IChannel channel = await Connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
        ulong tag = (await channel.GetAsync(queue))!.Delivery.DeliveryTag;
        await channel.AckAsync(tag);
        await channel.PublishAsync("", queue, Message.Text("never"));
        await channel.RollbackTransactionAsync();
        await channel.AckAsync(tag);
        await channel.PublishAsync("", queue, Message.Text("kept"));
        await channel.CommitTransactionAsync();
        Assert.Equal(["kept"], await DrainAsync(queue));
    }

    [Fact]
    public async Task RequestReply_DirectReplyTo_Works()
    {
        string queue = await DeclareQueueAsync();
        await using IConsumer replies = await Channel.StartConsumerAsync("amq.rabbitmq.reply-to", new ConsumerOptions { AutoAck = true });
        await Channel.PublishAsync("", queue, Message.Text("ping", new MessageProperties { ReplyTo = "amq.rabbitmq.reply-to" }), PublishFlags.Mandatory);
        Delivery request = (await Channel.GetAsync(queue, autoAck: true))!.Delivery;
        await Channel.PublishAsync("", request.Properties.ReplyTo!, Message.Text("pong"), PublishFlags.Mandatory);
        await foreach (Delivery reply in replies.ReadAllAsync())
        {
            Assert.Equal("pong", reply.Message.GetText());
            break;
        }
    }

    [Fact]
    public async Task Queue_DeclaredAgainWithoutADeadLetterExchange_FailsWithTheServersWords()
    {
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(TimeSpan.FromSeconds(1)));
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await Channel.DeclareQueueAsync(queue, q => q.Exclusive()));
        Assert.Equal(
            $"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{queue}' in vhost '/': received none but current is the value '1000' of type 'signedint'",
            error.ReplyText.Replace("'long'", "'signedint'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Management_Listings_TellOfQueueAndConnection()
    {
        string queue = await DeclareQueueAsync();
        Assert.Contains(await Broker.Management.ListQueuesAsync("/"), q => q.Name == queue && q.Declaration.IsExclusive);
        Assert.Contains("/", await Broker.Management.ListVirtualHostsAsync());
        await Broker.Management.SetPolicyAsync("/", new Policy("p", $"^{queue}$", HeaderTable.Of("max-length", 3)));
        Policy policy = Assert.Single(await Broker.Management.ListPoliciesAsync("/"), static p => p.Name == "p");
        Assert.Equal(HeaderTable.Of("max-length", 3), policy.Definition);
        Assert.True(await Broker.Management.DeletePolicyAsync("/", "p"));
        Assert.False(await Broker.Management.DeletePolicyAsync("/", "p"));
    }

    private async Task PublishAsync(string queue, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await Channel.PublishAsync("", queue, Message.Text($"{i}"));
        }
    }

    private async Task<List<string>> DrainAsync(string queue)
    {
        List<string> texts = [];
        while (await Channel.GetAsync(queue, autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText());
        }

        return texts;
    }
}
