using System.Collections.Concurrent;

namespace EmbeddedMq.Tests.Handlers;

public sealed class RetryTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Handler_FailsTwice_IsTriedAgainAfterEachDelay()
    {
        ConcurrentQueue<string> attempts = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Exchange("orders", ExchangeType.Topic).Queue("billing", static q => q.Durable()).Bind("billing", "orders", "#"))
            .Publish<Order>(static p => p.To("orders", "order.eu"))
            .Consume<Order>(
                "billing",
                (order, context, _) =>
                {
                    attempts.Enqueue($"{order.Id} {context.Attempt} {context.Exchange} {context.RoutingKey}");
                    return context.Attempt < 3 ? throw new TimeoutException() : ValueTask.CompletedTask;
                },
                static c => c.Retry(static r => r.On<TimeoutException>(5, Backoff.Steps(Second, TimeSpan.FromSeconds(5))))));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);

        await fixture.WaitForCountsAsync("billing.retry.1000", ready: 1);
        await fixture.Broker.AdvanceAsync(TimeSpan.FromMilliseconds(999));
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("billing.retry.1000")).ReadyCount);
        await fixture.Broker.AdvanceAsync(TimeSpan.FromMilliseconds(1));
        await fixture.WaitForCountsAsync("billing.retry.5000", ready: 1);
        await fixture.Broker.AdvanceAsync(TimeSpan.FromSeconds(5));
        await fixture.WaitForCountsAsync("billing.retry.5000", ready: 0);
        await fixture.WaitForCountsAsync("billing", ready: 0);

        Assert.Equal(["1 1 orders order.eu", "1 2 orders order.eu", "1 3 orders order.eu"], attempts);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("billing.error")).ReadyCount);
    }

    [Fact]
    public async Task Handler_FailsTooOften_DeadLettersWithTheLastError()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q").Queue("dead", static q => q.WithMessageTtl(TimeSpan.FromHours(1))))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                static (_, context, _) => throw new InvalidOperationException($"attempt {context.Attempt}"),
                static c => c.DeadLetterTo("dead").Retry(static r => r.Else(2, Backoff.Fixed(Second)))));

        await fixture.Publisher.PublishAsync(
            new Order("1"), new PublishOptions { MessageId = "m1", Headers = HeaderTable.Of("mine", 7) }, TestContext.Current.CancellationToken);
        await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1201), TimeSpan.FromMilliseconds(100));

        await fixture.WaitForCountsAsync("dead", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("dead");
        HeaderTable headers = dead.Message.Headers;
        Assert.Equal("m1", dead.Properties.MessageId);
        Assert.Equal(DeliveryMode.Persistent, dead.Properties.DeliveryMode);
        Assert.Equal(7, headers["mine"]);
        Assert.Equal(3, headers[MessageHeaders.FailedAttempts]);
        Assert.Equal(MessageHeaders.ReasonFailed, headers[MessageHeaders.Reason]);
        Assert.Equal("System.InvalidOperationException", headers[MessageHeaders.ErrorType]);
        Assert.Equal("attempt 3", headers[MessageHeaders.ErrorMessage]);
        Assert.Equal("q", headers[MessageHeaders.Queue]);
        Assert.Equal("", headers[MessageHeaders.OriginalExchange]);
        Assert.Equal("q", headers[MessageHeaders.OriginalRoutingKey]);
        Assert.IsType<DateTimeOffset>(headers[MessageHeaders.DeadLetteredAt]);
        Assert.False(headers.ContainsKey("x-death"));
    }

    [Fact]
    public async Task Rules_ConditionThrows_DoesNotHoldAndTheMessageIsDeadLettered()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                static (_, _, _) => throw new InvalidOperationException("the handler's"),
                static c => c.Retry(static r => r.On<InvalidOperationException>(static _ => throw new FormatException("the condition's"), 5, Backoff.None))));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("q.error");
        Assert.Equal("the handler's", dead.Message.Headers[MessageHeaders.ErrorMessage]);
        await fixture.WaitForCountsAsync("q", ready: 0);
    }

    [Fact]
    public async Task Rules_SeveralFit_TheFirstCounts()
    {
        ConcurrentDictionary<string, int> attempts = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                (order, _, _) =>
                {
                    attempts.AddOrUpdate(order.Id, 1, static (_, count) => count + 1);
                    throw order.Id switch
                    {
                        "timeout" => new TimeoutException(),
                        "argument" => new ArgumentException("bad"),
                        "null" => new ArgumentNullException("p"),
                        "io" => new IOException("try later"),
                        "io for good" => new IOException("gone"),
                        _ => new InvalidOperationException(),
                    };
                },
                static c => c.Retry(static r => r
                    .Else(1, Backoff.None)
                    .On<TimeoutException>(4, Backoff.None)
                    .Never<ArgumentNullException>()
                    .On<ArgumentException>(2, Backoff.None)
                    .On<IOException>(static error => error.Message == "try later", 3, Backoff.None))));

        string[] ids = ["timeout", "argument", "null", "io", "io for good", "other"];
        foreach (string id in ids)
        {
            await fixture.Publisher.PublishAsync(new Order(id), cancellationToken: TestContext.Current.CancellationToken);
        }

        await fixture.WaitForCountsAsync("q.error", ready: 6);
        Assert.Equal([5, 3, 1, 4, 2, 2], ids.Select(id => attempts[id]));
    }

    [Fact]
    public async Task RetryQueues_Declared_ExpireBackIntoTheQueue()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("transient").Queue("durable", static q => q.Durable()))
            .Consume<Order>("transient", static (_, _, _) => ValueTask.CompletedTask, static c => c.Retry(static r => r.Else(2, Backoff.Fixed(Second))))
            .Consume<Order>("durable", static (_, _, _) => ValueTask.CompletedTask, static c => c.Retry(static r => r
                .On<TimeoutException>(3, Backoff.Exponential(Second)).Else(1, Backoff.Fixed(Second)))));

        QueueDeclaration transient = (await fixture.Broker.DescribeAsync("transient.retry.1000")).Declaration;
        Assert.False(transient.IsDurable);
        QueueDeclaration durable = (await fixture.Broker.DescribeAsync("durable.retry.4000")).Declaration;
        Assert.True(durable.IsDurable);
        Assert.Equal(4_000L, durable.Arguments[QueueArgument.MessageTtl]);
        Assert.Equal("", durable.Arguments[QueueArgument.DeadLetterExchange]);
        Assert.Equal("durable", durable.Arguments[QueueArgument.DeadLetterRoutingKey]);
        IReadOnlyList<QueueDescription> all = await fixture.Broker.Broker.Management.ListQueuesAsync("/", TestContext.Current.CancellationToken);
        Assert.Equal(
            ["durable", "durable.error", "durable.retry.1000", "durable.retry.2000", "durable.retry.4000", "transient", "transient.error", "transient.retry.1000"],
            all.Select(static queue => queue.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Copy_OfAMessageWithCcKeysAndExpirationAndUser_DoesNotActTwice()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q").Queue("other"))
            .Consume<Order>("q", static (_, _, _) => throw new TimeoutException(), static c => c.Retry(static r => r.Else(1, Backoff.Fixed(Second)))));
        IConnection connection = await fixture.Broker.Broker.ConnectAsync(new ConnectionOptions { UserName = "bob" }, TestContext.Current.CancellationToken);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: TestContext.Current.CancellationToken);
        MessageProperties properties = new()
        {
            UserId = "bob",
            Expiration = "60000",
            Headers = HeaderTable.Of("CC", new object?[] { "other" }),
        };
        await channel.PublishAsync("", "q", new Message("{\"id\":\"1\"}"u8, properties), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("other")).ReadyCount);

        await fixture.WaitForCountsAsync("q.retry.1000", ready: 1);
        await fixture.Broker.AdvanceAsync(Second);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("other")).ReadyCount);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("q.error");
        Assert.Null(dead.Properties.Expiration);
        Assert.Null(dead.Properties.UserId);
    }

    [Fact]
    public async Task WaitInConsumer_Delay_KeepsTheMessageUnsettledAndTheWorkerFree()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                (order, context, cancellationToken) => order.Id == "slow" && context.Attempt == 1
                    ? throw new TimeoutException()
                    : received.HandleAsync(order, context, cancellationToken),
                static c => c.Retry(static r => r.Else(1, Backoff.Fixed(Second)).WaitIn(RetryWait.Consumer))));

        await fixture.Publisher.PublishAsync(new Order("slow"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.Publisher.PublishAsync(new Order("fast"), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("fast", (await received.NextAsync()).Order.Id);
        await fixture.WaitForCountsAsync("q", ready: 0, unacked: 1);
        Task<(Order Order, IMessageContext Context)> next = received.NextAsync().AsTask();
        await fixture.AdvanceUntilAsync(next, TimeSpan.FromMilliseconds(100));
        Assert.Equal(2, (await next).Context.Attempt);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("q")).RequeuedTotal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task DeadLetterQueue_FullAndMakesPublishersWait_LeavesTheMessageToAHandlerThatWorksAgain(int concurrency)
    {
        bool isMended = false;
        int handled = 0;
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q").Queue("dead", static q => q.MaxLength(1, Overflow.BlockPublisher)))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                (_, context, _) =>
                {
                    if (!Volatile.Read(ref isMended))
                    {
                        throw new TimeoutException("the database is down");
                    }

                    Interlocked.Add(ref handled, context.Attempt);
                    return ValueTask.CompletedTask;
                },
                c => c.Concurrency(concurrency).DeadLetterTo("dead")));
        await fixture.Publisher.PublishAsync(new Order("fills the dead letters"), PublishOptions.ToQueue("dead"), TestContext.Current.CancellationToken);
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: TestContext.Current.CancellationToken);

        await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1204), Second);
        Volatile.Write(ref isMended, true);
        await fixture.AdvanceUntilAsync(fixture.WaitForCountsAsync("q", ready: 0), Second);

        Assert.Equal(2, handled);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("dead")).ReadyCount);
    }

    [Fact]
    public async Task Broker_ShortOfMemoryWhileHandlersFail_StillTakesTheCopies()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { MemoryHighWatermarkBytes = 20_000 });
        IChannel channel = await fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", cancellationToken: TestContext.Current.CancellationToken);
        await channel.PublishAsync(
            "", "q", Message.Text($$"""{"id":"{{new string('x', 30_000)}}"}"""), cancellationToken: TestContext.Current.CancellationToken);
        Task<ulong> blocked = channel.PublishAsync("", "q", Message.Text("{}"), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        Assert.False(blocked.IsCompleted);

        await fixture.StartBusAsync(static mq => mq.Consume<Order>(
            "q", static (_, _, _) => throw new TimeoutException(), static c => c.Retry(static r => r.Else(1, Backoff.Fixed(Second)))));

        await fixture.WaitForCountsAsync("q.retry.1000", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.False(blocked.IsCompleted);
    }

    [Fact]
    public async Task Broker_ShortOfMemoryWhileARequestFails_KeepsTheRequestNoLongerThanACopy()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { MemoryHighWatermarkBytes = 20_000 });
        IChannel channel = await fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", cancellationToken: TestContext.Current.CancellationToken);
        await channel.DeclareQueueAsync("replies", cancellationToken: TestContext.Current.CancellationToken);
        Message large = Message.Text($$"""{"id":"{{new string('x', 30_000)}}"}""", new MessageProperties { ReplyTo = "replies" });
        await channel.PublishAsync("", "q", large, cancellationToken: TestContext.Current.CancellationToken);

        await fixture.StartBusAsync(static mq => mq.Consume<Order>("q", static (_, _, _) => throw new TimeoutException()));
        await fixture.WaitForCountsAsync("q.error", ready: 1);
        await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1301), Second);

        await fixture.WaitForCountsAsync("q", ready: 0);
        await fixture.WaitForCountsAsync("q.error", ready: 1);
    }

    [Fact]
    public async Task Headers_OfAMessageThatFailed_PassedOn_TellTheNextConsumerNothingOfThat()
    {
        TaskCompletionSource<string> next = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q").Queue("next"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                static (order, context, cancellationToken) => context.Attempt < 3
                    ? throw new TimeoutException()
                    : context.Publisher.PublishAsync(order, PublishOptions.ToQueue("next") with { Headers = context.Headers }, cancellationToken),
                static c => c.Retry(static r => r.Else(2, Backoff.Fixed(Second)).WaitIn(RetryWait.Queue)))
            .Consume<Order>(
                "next",
                (_, context, _) =>
                {
                    next.TrySetResult($"{context.Attempt} '{context.Exchange}' {context.RoutingKey} {context.Headers["mine"]}");
                    return ValueTask.CompletedTask;
                }));

        await fixture.Publisher.PublishAsync(new Order("1"), new PublishOptions { Headers = HeaderTable.Of("mine", 7) }, TestContext.Current.CancellationToken);

        Assert.Equal("1 '' next 7", await fixture.AdvanceUntilAsync(next.Task, TimeSpan.FromMilliseconds(100)));
    }

    [Fact]
    public async Task Handler_FailsWithAnErrorWithoutAMessage_DeadLetters()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q").Queue("replies"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", static (_, _, _) => throw new SilentException()));

        await fixture.Publisher.PublishAsync(new Order("1"), new PublishOptions { ReplyTo = "replies" }, TestContext.Current.CancellationToken);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        await fixture.WaitForCountsAsync("replies", ready: 1);
    }

    [Fact]
    public async Task ManyDelays_TooManyQueues_IsAMistakeUnlessTheyWaitInTheConsumer()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();
        Microsoft.Extensions.Options.OptionsValidationException error = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(
            async () => await fixture.StartBusAsync(static mq => Consume(mq, RetryWait.Auto)));
        Assert.Contains("more than 32 distinct delays", error.Message, StringComparison.Ordinal);
        await fixture.StartBusAsync(static mq => Consume(mq, RetryWait.Consumer));

        static void Consume(IEmbeddedMqBuilder mq, RetryWait wait) => mq
            .Topology(static t => t.Queue("q"))
            .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask, c => c.Retry(r => r
                .Else(100, Backoff.Exponential(Second, 1.1)).WaitIn(wait)));
    }

    // As mocks and hand-written exceptions have it, whatever the annotation says.
    private sealed class SilentException : Exception
    {
        public override string Message => null!;
    }
}
