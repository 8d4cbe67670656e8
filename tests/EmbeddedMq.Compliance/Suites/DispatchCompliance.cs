namespace EmbeddedMq.Compliance;

/// <summary>Which of several consumers gets the next message.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DispatchCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A7.8")]
    public async Task Consumers_OfOnePriority_TakeTurns()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer[] consumers = [await ConsumeAsync(queue), await ConsumeAsync(queue), await ConsumeAsync(queue)];
        await SendNumbersAsync(queue, 9);
        for (int i = 0; i < 3; i++)
        {
            await consumers[i].ExpectAllAsync($"{1 + i}", $"{4 + i}", $"{7 + i}");
        }
    }

    [Fact, AmqpItem("A7.8")]
    public async Task Consumers_SomeWithoutCredit_AreSkippedUntilTheyHaveSome()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer narrow = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        TestConsumer wide = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 3 });
        await SendNumbersAsync(queue, 5);
        Delivery first = await narrow.ExpectNextAsync("1");
        await wide.ExpectAllAsync("2", "3", "4");
        await narrow.ExpectNoneAsync();
        await wide.ExpectNoneAsync();
        await Channel.AckAsync(first.DeliveryTag);
        await narrow.ExpectNextAsync("5");
    }

    [Fact, AmqpItem("A7.8")]
    public async Task ConsumerPriority_Higher_TakesAllUntilItsPrefetchIsFull()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer low = await ConsumeAsync(queue, new ConsumerOptions { Priority = -1 });
        TestConsumer middle = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        TestConsumer high = await ConsumeAsync(queue, new ConsumerOptions { Priority = 10, PrefetchCount = 2 });
        await SendNumbersAsync(queue, 5);
        IReadOnlyList<Delivery> atHigh = await high.ExpectAllAsync("1", "2");
        await middle.ExpectNextAsync("3");
        await low.ExpectAllAsync("4", "5");
        await Channel.AckAsync(atHigh[0].DeliveryTag);
        await SendAsync(queue, "6", "7");
        await high.ExpectNextAsync("6");
        await low.ExpectNextAsync("7");
    }

    [Theory, AmqpItem("A7.8")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ConsumerPriority_HigherWithAFullPrefetchRequeues_GetsItAgain(bool multiple)
    {
        string queue = await DeclareQueueAsync();
        TestConsumer high = await ConsumeAsync(queue, new ConsumerOptions { Priority = 1, PrefetchCount = 2 });
        TestConsumer low = await ConsumeAsync(queue, channel: await OpenChannelAsync());
        await SendNumbersAsync(queue, 2);
        IReadOnlyList<Delivery> held = await high.ExpectAllAsync("1", "2");
        await Channel.NackAsync(held[multiple ? 1 : 0].DeliveryTag, multiple);
        await low.ExpectNoneAsync();
        await high.ExpectAllAsync(multiple ? ["1", "2"] : ["1"]);
    }

    [Fact, AmqpItem("A7.8")]
    public async Task ConsumerPriority_GivenAsArgument_Counts()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer low = await ConsumeAsync(queue);
        TestConsumer high = await ConsumeAsync(queue, new ConsumerOptions { Arguments = HeaderTable.Of("x-priority", 5) });
        await SendAsync(queue, "1", "2");
        await high.ExpectAllAsync("1", "2");
        await low.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.8")]
    public async Task ConsumerPriority_NotAnInteger_Is406()
    {
        string queue = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid arg 'x-priority' for {QueueIn(queue)}: \"expected integer, got longstr\"",
            c => c.StartConsumerAsync(queue, new ConsumerOptions { Arguments = HeaderTable.Of("x-priority", "high") }));
    }

    [Fact, AmqpItem("A7.8")]
    public async Task Consumers_OneIsCancelled_TheOthersShareTheRest()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue);
        TestConsumer third = await ConsumeAsync(queue);
        await SendAsync(queue, "1");
        await first.ExpectNextAsync("1");
        await second.Consumer.CancelAsync();
        await SendAsync(queue, "2", "3", "4");
        await third.ExpectAllAsync("2", "4");
        await first.ExpectNextAsync("3");
    }

    [Fact, AmqpItem("A7.8")]
    public async Task Consumers_OnSeveralConnections_GetEveryMessageOnce()
    {
        string queue = await DeclareQueueAsync();
        List<TestConsumer> consumers = [];
        for (int i = 0; i < 4; i++)
        {
            consumers.Add(await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 5 }, await OpenChannelAsync(connection: await ConnectAsync())));
        }

        await SendNumbersAsync(queue, 20);
        List<string> received = [];
        foreach (TestConsumer consumer in consumers)
        {
            for (int i = 0; i < 5; i++)
            {
                received.Add((await consumer.ExpectNextAsync()).Message.GetText());
            }

            await consumer.ExpectNoneAsync();
        }

        Assert.Equal(Numbers(1, 20), received.OrderBy(int.Parse));
    }
}
