using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Handlers;

public sealed class KeyOrderTests
{
    [Fact]
    public async Task SameKey_ManyKeysAndFailures_StaysInOrder()
    {
        const int Messages = 600;
        int seed = Seeds.Pick(20_260_901);
        Random random = Seeds.Generator(seed);
        ConcurrentDictionary<string, ConcurrentQueue<int>> handled = new();
        ConcurrentDictionary<string, int> running = new();
        HashSet<int> failing = [.. Enumerable.Range(0, Messages / 5).Select(_ => random.Next(Messages))];
        int most = 0;
        int total = 0;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (order, context, _) =>
                {
                    int now = running.AddOrUpdate(order.Customer, 1, static (_, count) => count + 1);
                    most = Math.Max(most, now);
                    await Task.Yield();
                    running.AddOrUpdate(order.Customer, 0, static (_, count) => count - 1);
                    int number = int.Parse(order.Id, System.Globalization.CultureInfo.InvariantCulture);
                    if (failing.Contains(number) && context.Attempt <= 2)
                    {
                        throw new TimeoutException();
                    }

                    handled.GetOrAdd(order.Customer, static _ => new ConcurrentQueue<int>()).Enqueue(number);
                    if (Interlocked.Increment(ref total) == Messages)
                    {
                        done.SetResult();
                    }
                },
                static c => c.Concurrency(4).Prefetch(50).KeyBy(static order => order.Customer).Retry(static r => r
                    .Else(2, Backoff.Steps(TimeSpan.Zero, TimeSpan.FromSeconds(1))))));

        for (int i = 0; i < Messages; i++)
        {
            await fixture.Publisher.PublishAsync(new Order($"{i}", $"c{random.Next(20)}"), cancellationToken: TestContext.Current.CancellationToken);
        }

        await fixture.AdvanceUntilAsync(done.Task, TimeSpan.FromMilliseconds(100));
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.True(most == 1, $"Two messages of one key ran at once; seed {seed}.");
        Assert.All(handled.Values, numbers => Assert.True(numbers.SequenceEqual(numbers.Order()), $"Out of order: {string.Join(",", numbers)}; seed {seed}."));
        Assert.Equal(Messages, handled.Values.Sum(static numbers => numbers.Count));
    }

    [Fact]
    public async Task OtherKeys_OneKeyStuck_GoOn()
    {
        TaskCompletionSource stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (order, context, cancellationToken) =>
                {
                    if (order.Customer == "a")
                    {
                        await stuck.Task;
                    }

                    await received.HandleAsync(order, context, cancellationToken);
                },
                static c => c.Concurrency(2).KeyBy(static order => order.Customer)));

        foreach (string customer in new[] { "a", "a", "a", "b", "c" })
        {
            await fixture.Publisher.PublishAsync(new Order("x", customer), cancellationToken: TestContext.Current.CancellationToken);
        }

        // Two workers, three messages of the stuck key: they take one worker, not both.
        Assert.Equal("b", (await received.NextAsync()).Order.Customer);
        Assert.Equal("c", (await received.NextAsync()).Order.Customer);
        stuck.SetResult();
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(3, received.Count);
    }

    [Fact]
    public async Task SameKey_FirstGivenUp_IsDeadLetteredBeforeTheNextBegins()
    {
        ConcurrentQueue<string> seen = new();
        BusFixture? started = null;
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (order, _, _) =>
                {
                    if (order.Id == "1")
                    {
                        seen.Enqueue("1 fails");
                        throw new InvalidOperationException();
                    }

                    seen.Enqueue($"2 begins with {(await started!.Broker.DescribeAsync("q.error")).ReadyCount} dead");
                },
                static c => c.Concurrency(4).KeyBy(static order => order.Customer)));
        started = fixture;

        await fixture.Publisher.PublishAsync(new Order("1", "a"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.Publisher.PublishAsync(new Order("2", "a"), cancellationToken: TestContext.Current.CancellationToken);

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(["1 fails", "2 begins with 1 dead"], seen);
    }

    [Fact]
    public async Task Key_CannotBeRead_CountsAsUnreadable()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask, static c => c.KeyBy<string>(static _ => throw new FormatException("no key"))));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        HeaderTable headers = (await fixture.Broker.NextDeliveryAsync("q.error")).Message.Headers;
        Assert.Equal(MessageHeaders.ReasonUnreadable, headers[MessageHeaders.Reason]);
        Assert.Equal("no key", headers[MessageHeaders.ErrorMessage]);
    }

    [Fact]
    public async Task Key_CannotBeHashed_DeadLettersItsMessageAndTheOthersGoOn()
    {
        TaskCompletionSource<string> handled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                (order, _, _) =>
                {
                    handled.TrySetResult(order.Id);
                    return ValueTask.CompletedTask;
                },
                static c => c.Concurrency(2).KeyBy<object>(static order => order.Id == "bad" ? new Unhashable() : order.Id)));

        await fixture.Publisher.PublishAsync(new Order("bad"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.Publisher.PublishAsync(new Order("good"), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("good", await handled.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken));
        await fixture.WaitForCountsAsync("q.error", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
    }

    private sealed class Unhashable
    {
        public override bool Equals(object? obj) => ReferenceEquals(this, obj);

        public override int GetHashCode() => throw new InvalidOperationException("planted");
    }
}
