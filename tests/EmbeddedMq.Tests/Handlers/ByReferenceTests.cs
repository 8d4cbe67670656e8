using System.Buffers;
using System.Text;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>What a route says with <see cref="IPublishBuilder{T}.ByReference"/>: who gets the object, who gets bytes, and when those are made.</summary>
public sealed class ByReferenceTests
{
    private readonly CountingSerializer _serializer = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handlers_OfThePublishedType_ShareTheObjectAndNothingIsWritten()
    {
        Received first = new();
        Received second = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("one", static q => q.Durable()).Queue("two").Bind("one", "x").Bind("two", "x"))
            .Publish<Order>(static p => p.To("x").ByReference())
            .Consume<Order>("one", first.HandleAsync)
            .Consume<Order>("two", second.HandleAsync, static c => c.Concurrency(2)));
        Order order = new("1");

        await fixture.Publisher.PublishAsync(order, cancellationToken: Token);
        Assert.True((await fixture.Publisher.TryPublishAsync(order, cancellationToken: Token)).IsConfirmed);

        for (int i = 0; i < 2; i++)
        {
            Assert.Same(order, (await first.NextAsync()).Order);
            Assert.Same(order, (await second.NextAsync()).Order);
        }

        Assert.Equal((0, 0), (_serializer.Written, _serializer.Read));
    }

    [Fact]
    public async Task Bytes_AskedFor_AreWrittenOnceBySerializerAndAreTheUsualOnes()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("one").Queue("two").Bind("one", "x").Bind("two", "x"))
            .Publish<Order>(static p => p.To("x").ByReference().Header("h", static o => o.Region)));

        await fixture.Publisher.PublishAsync(new Order("1", "c"), cancellationToken: Token);
        Delivery one = await fixture.Broker.NextDeliveryAsync("one");
        Delivery two = await fixture.Broker.NextDeliveryAsync("two");
        string text = Encoding.UTF8.GetString(one.Body.Span);

        Assert.Equal("""{"id":"1","customer":"c","region":"eu"}""", text);
        Assert.Equal(text, two.Message.GetText());
        Assert.Equal(("application/json", "eu"), (two.Properties.ContentType, two.Message.Headers["h"]));
        Assert.Equal((1, 0), (_serializer.Written, _serializer.Read));
    }

    [Fact]
    public async Task HandlerOfAnotherType_ReadsTheBytes()
    {
        TaskCompletionSource<OrderStatus> other = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<object> baseType = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("one").Queue("two").Bind("one", "x").Bind("two", "x"))
            .Publish<Order>(static p => p.To("x").ByReference())
            .Consume<OrderStatus>("one", (status, _, _) => Note(other, status))
            .Consume<object>("two", (any, _, _) => Note(baseType, any)));
        Order order = new("1");

        await fixture.Publisher.PublishAsync(order, cancellationToken: Token);

        Assert.Equal("1", (await other.Task.WaitAsync(BrokerFixture.Patience, Token)).Id);
        Assert.IsNotType<Order>(await baseType.Task.WaitAsync(BrokerFixture.Patience, Token));
        Assert.Equal(2, _serializer.Read);
        Assert.InRange(_serializer.Written, 1, 2); // both may have asked at once
    }

    [Fact]
    public async Task RetryAndDeadLetter_OfTheObject_KeepTheObjectAndEndAsBytes()
    {
        List<Order> attempts = [];
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("q", static q => q.Durable()))
            .Publish<Order>(static p => p.ToQueue("q").ByReference())
            .Consume<Order>(
                "q",
                (order, _, _) =>
                {
                    attempts.Add(order);
                    throw new InvalidOperationException("no");
                },
                static c => c.Retry(static r => r.Else(1, Backoff.Fixed(TimeSpan.FromSeconds(1))))));
        Order order = new("1");

        await fixture.Publisher.PublishAsync(order, cancellationToken: Token);
        await fixture.WaitForCountsAsync("q.retry.1000", ready: 1);
        await fixture.Broker.AdvanceAsync(TimeSpan.FromSeconds(1));
        await fixture.WaitForCountsAsync("q.error", ready: 1);

        Assert.Equal(2, attempts.Count);
        Assert.All(attempts, attempt => Assert.Same(order, attempt));
        Assert.Equal(0, _serializer.Written);
        Assert.Equal("""{"id":"1","customer":"","region":"eu"}""", (await fixture.Broker.NextDeliveryAsync("q.error")).Message.GetText());
    }

    [Fact]
    public async Task DeadLetterExchange_ExpiredObject_ReachesItsHandlerAsTheObject()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("q", static q => q.WithMessageTtl(TimeSpan.FromSeconds(1)).DeadLetterTo("dead")).Queue("dead"))
            .Publish<Order>(static p => p.ToQueue("q").ByReference())
            .Consume<Order>("dead", received.HandleAsync));
        Order order = new("1");

        await fixture.Publisher.PublishAsync(order, cancellationToken: Token);
        fixture.Time.Advance(TimeSpan.FromSeconds(2));

        (Order dead, IMessageContext context) = await received.NextAsync();
        Assert.Same(order, dead);
        Assert.Equal(DeathReason.Expired, context.Delivery.Deaths[0].Reason);
    }

    [Fact]
    public async Task Object_ThatCannotBeWritten_IsHandledAndIsUnreadableForOthers()
    {
        Received received = new();
        _serializer.Failure = new NotSupportedException("not this one");
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("one").Queue("two").Bind("one", "x").Bind("two", "x"))
            .Publish<Order>(static p => p.To("x").ByReference())
            .Consume<Order>("one", received.HandleAsync)
            .Consume<OrderStatus>("two", static (_, _, _) => ValueTask.CompletedTask));
        Order order = new("1");

        await fixture.Publisher.PublishAsync(order, cancellationToken: Token);

        Assert.Same(order, (await received.NextAsync()).Order);
        await fixture.WaitForCountsAsync("two.error", ready: 1);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("two.error");
        Assert.Equal((MessageHeaders.ReasonUnreadable, "not this one"), (dead.Message.Headers[MessageHeaders.Reason], dead.Message.Headers[MessageHeaders.ErrorMessage]));
        Assert.Throws<NotSupportedException>(() => dead.Body);
    }

    [Fact]
    public async Task CountedBytes_AreWhatQueueLimitsAndTheLargestMessageSee()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { Limits = new BrokerLimits { MaxMessageBytes = 2_000 } });
        await fixture.StartBusAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("q", static q => q.MaxLengthBytes(250)))
            .Publish<Order>(static p => p.ToQueue("q").ByReference(100))
            .Publish<OrderStatus>(static p => p.ToQueue("q").ByReference(2_001)));

        for (int i = 0; i < 4; i++)
        {
            await fixture.Publisher.PublishAsync(new Order($"{i}"), cancellationToken: Token);
        }

        QueueDescription queue = await fixture.Broker.DescribeAsync("q");
        Assert.Equal((2, 200), (queue.ReadyCount, queue.ReadyBytes));
        Delivery delivery = await fixture.Broker.NextDeliveryAsync("q");
        Assert.Equal((100, 38), (delivery.Message.CountedBytes, delivery.Body.Length));
        Assert.Equal(100, delivery.Message.CountedBytes); // whatever it has become meanwhile: what was counted in is counted out
        Assert.Equal(100, (await fixture.Broker.DescribeAsync("q")).ReadyBytes);
        ChannelException tooLarge = await Assert.ThrowsAsync<ChannelException>(
            async () => await fixture.Publisher.PublishAsync(new OrderStatus("1", "s"), cancellationToken: Token));
        Assert.Equal(ReplyCode.PreconditionFailed, tooLarge.ReplyCode);
    }

    [Fact]
    public async Task Idempotent_ObjectByReference_IsRecognisedByItsBytes()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q").MessageId(static o => o.Id).ByReference())
            .Consume<Order>("q", received.HandleAsync, static c => c.Idempotent()));
        Order order = new("1");

        await fixture.Publisher.PublishAsync(order, cancellationToken: Token);
        Assert.Same(order, (await received.NextAsync()).Order);
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Order("1", "somebody else"), cancellationToken: Token);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(0, received.Count);
        Assert.Equal(MessageHeaders.ReasonConflict, (await fixture.Broker.NextDeliveryAsync("q.error")).Message.Headers[MessageHeaders.Reason]);
    }

    [Fact]
    public async Task RequestAndAnswer_ByReference_AreTheObjects()
    {
        Received received = new();
        OrderStatus answer = new("1", "shipped");
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q").ByReference())
            .Publish<OrderStatus>(static p => p.ByReference())
            .Respond<Order, OrderStatus>("q", async (order, context, cancellationToken) =>
            {
                await received.HandleAsync(order, context, cancellationToken);
                return answer;
            }));
        Order order = new("1");

        Assert.Same(answer, await fixture.Publisher.RequestAsync<Order, OrderStatus>(order, cancellationToken: Token));

        Assert.Same(order, (await received.NextAsync()).Order);
        Assert.Equal((0, 0), (_serializer.Written, _serializer.Read));
    }

    [Fact]
    public async Task WhatIsKeptBeforeItIsSent_IsWrittenAtOnce()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("in").Queue("out"))
            .Publish<Order>(static p => p.ToQueue("in").MessageId(static o => o.Id).ByReference())
            .Publish<OrderStatus>(static p => p.ToQueue("out").ByReference())
            .Consume<Order>("in", async (order, context, cancellationToken) =>
            {
                int before = _serializer.Written;
                await context.Publisher.PublishAsync(new OrderStatus(order.Id, "held"), cancellationToken: cancellationToken);
                Assert.Equal(before + 1, _serializer.Written);
                await received.HandleAsync(order, context, cancellationToken);
            }, static c => c.Idempotent())
            .Outbox(static o => o.UseMemory().WithoutRelay()));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await received.NextAsync();
        await fixture.WaitForCountsAsync("out", ready: 1);
        Assert.Null((await fixture.Broker.NextDeliveryAsync("out")).Message.LazyBody);
        OutboxMessage prepared = fixture.Bus.Outbox.Prepare(new Order("2"));

        Assert.Null(prepared.Message.LazyBody);
        Assert.Equal("2", _serializer.Deserialize<Order>(prepared.Message)!.Id);
    }

    [Fact]
    public async Task DataDirectory_Object_IsWrittenAtPublishingAndHandedOver()
    {
        using ScratchDirectory directory = new();
        Received received = new();
        Order order = new("1");
        await using (BusFixture fixture = await BusFixture.StartBrokerAsync(new BrokerOptions { Storage = { Directory = directory.Path } }))
        {
            await fixture.StartBusAsync(mq => Configure(mq).Consume<Order>("handled", received.HandleAsync));
            await fixture.Publisher.PublishAsync(order, PublishOptions.ToQueue("handled"), Token);
            Delivery delivery = (await received.NextAsync()).Context.Delivery;
            Assert.Same(order, Assert.IsType<EmbeddedMq.Handlers.Publishing.ReferenceBody<Order>>(delivery.Message.LazyBody).Value);
            Assert.Equal((1, 0), (_serializer.Written, _serializer.Read));
            Assert.Equal(38, delivery.Message.CountedBytes);

            await fixture.Publisher.PublishAsync(order, cancellationToken: Token);
            _serializer.Failure = new NotSupportedException("not this one");
            await Assert.ThrowsAsync<NotSupportedException>(async () => await fixture.Publisher.PublishAsync(order, cancellationToken: Token));
            Assert.Equal(1, (await fixture.Broker.DescribeAsync("kept")).ReadyCount);
            _serializer.Failure = null;
        }

        await using BusFixture again = await BusFixture.StartBrokerAsync(new BrokerOptions { Storage = { Directory = directory.Path } });
        await again.StartBusAsync(mq => Configure(mq).Consume<Order>("kept", received.HandleAsync));
        Order read = (await received.NextAsync()).Order;
        Assert.Equal(order, read);
        Assert.NotSame(order, read);

        IEmbeddedMqBuilder Configure(IEmbeddedMqBuilder mq) => mq
            .UseSerializer(_ => _serializer)
            .Topology(static t => t.Queue("kept", static q => q.Durable()).Queue("handled"))
            .Publish<Order>(static p => p.ToQueue("kept").ByReference());
    }

    [Fact]
    public async Task CountedBytes_BelowZero_IsAMistake()
    {
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(
            async () => await BusFixture.StartAsync(static mq => mq.Publish<Order>(static p => p.ToQueue("q").ByReference(-1))));

        Assert.Contains("Messages of Order by reference count for -1 bytes. It must be zero or more.", error.Message, StringComparison.Ordinal);
    }

    private static ValueTask Note<T>(TaskCompletionSource<T> handled, T message)
    {
        handled.SetResult(message);
        return ValueTask.CompletedTask;
    }

    /// <summary>JSON that counts its uses, and can be made to fail.</summary>
    private sealed class CountingSerializer : IMessageSerializer
    {
        private readonly JsonMessageSerializer _json = new();
        private int _written;
        private int _read;

        public int Written => Volatile.Read(ref _written);

        public int Read => Volatile.Read(ref _read);

        public Exception? Failure { get; set; }

        public string ContentType => _json.ContentType;

        public void Serialize<T>(T value, IBufferWriter<byte> body)
        {
            if (Failure is not null)
            {
                throw Failure;
            }

            Interlocked.Increment(ref _written);
            _json.Serialize(value, body);
        }

        public T? Deserialize<T>(Message message)
        {
            T? value = _json.Deserialize<T>(message);
            Interlocked.Increment(ref _read);
            return value;
        }
    }
}
