using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>The way of an idempotent consumer's message through claim, handler, completion and acknowledgement, where a step fails.</summary>
public sealed class IdempotentFlowTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handler_Throws_GivesTheClaimUpAndIsRetried()
    {
        ConcurrentQueue<int> attempts = new();
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            (_, context, _) =>
            {
                attempts.Enqueue(context.Attempt);
                return context.Attempt < 3 ? throw new TimeoutException() : ValueTask.CompletedTask;
            },
            static c => c.Retry(static r => r.Else(2, Backoff.None)));

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal([1, 2, 3], attempts);
        Assert.Equal(["claim", "dispose", "claim", "dispose", "claim", "complete", "dispose"], stand.Store.Steps);
        Assert.Equal(IdempotenceState.Processed, (await stand.Store.FindAsync("q", "m", Token))?.State);
    }

    [Theory]
    [InlineData(RetryWait.Queue)]
    [InlineData(RetryWait.Consumer)]
    public async Task Handler_ThrowsAndWaits_IsGrantedAgainAfterTheWait(RetryWait wait)
    {
        ConcurrentQueue<int> attempts = new();
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            (_, context, _) =>
            {
                attempts.Enqueue(context.Attempt);
                if (context.Attempt < 3)
                {
                    throw new TimeoutException();
                }

                done.SetResult();
                return ValueTask.CompletedTask;
            },
            c => c.Retry(r => r.Else(2, Backoff.Steps(TimeSpan.FromSeconds(5))).WaitIn(wait)));

        await stand.PublishAsync("m");
        for (int i = 0; i < 2 && wait == RetryWait.Queue; i++)
        {
            // The copy has to be there before the clock moves, which else would run out for whoever sends it.
            await stand.Fixture.WaitForCountsAsync("q.retry.5000", ready: 1);
            await stand.Fixture.WaitForCountsAsync("q", ready: 0);
            await stand.Fixture.Broker.AdvanceAsync(TimeSpan.FromSeconds(5));
        }

        await stand.Fixture.AdvanceUntilAsync(done.Task, TimeSpan.FromSeconds(1));

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal([1, 2, 3], attempts);
    }

    [Fact]
    public async Task Handler_FailsForTheLastTime_IsNotedAndMayComeAgain()
    {
        bool isMended = false;
        int effects = 0;
        await using IdempotentStand stand = await IdempotentStand.StartAsync((_, _, _) =>
        {
            if (!isMended)
            {
                throw new TimeoutException();
            }

            effects++;
            return ValueTask.CompletedTask;
        });

        await stand.PublishAsync("m");
        await stand.Fixture.WaitForCountsAsync("q.error", ready: 1);
        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(IdempotenceState.Failed, (await stand.Store.FindAsync("q", "m", Token))?.State);
        Assert.Equal(["claim", "fail", "dispose"], stand.Store.Steps);

        isMended = true;
        await stand.PublishAsync("m");
        await stand.PublishAsync("m");
        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(1, effects);
    }

    [Fact]
    public async Task Publishes_OfTheHandler_AreHeldUntilItHasReturned()
    {
        BusFixture? fixture = null;
        long whileHandling = -1;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(async (order, context, cancellationToken) =>
        {
            await context.Publisher.PublishAsync(new OrderStatus(order.Id, "first"), cancellationToken: cancellationToken);
            PublishResult result = await context.Publisher.TryPublishAsync(new OrderStatus(order.Id, "second"), cancellationToken: cancellationToken);
            Assert.True(result.IsConfirmed);
            await context.Publisher.PublishAsync(new OrderStatus(order.Id, "third"), new PublishOptions { MessageId = "own id" }, cancellationToken);
            whileHandling = (await fixture!.Broker.DescribeAsync("out")).ReadyCount;
        });
        fixture = stand.Fixture;

        await stand.PublishAsync("m");

        await fixture.WaitForCountsAsync("out", ready: 3);
        Assert.Equal(0, whileHandling);
        string[] ids = [await NextIdAsync(fixture, "first"), await NextIdAsync(fixture, "second"), await NextIdAsync(fixture, "third")];
        Assert.EndsWith("-1", ids[0], StringComparison.Ordinal);
        Assert.EndsWith("-2", ids[1], StringComparison.Ordinal);
        Assert.Equal(ids[0][..^2], ids[1][..^2]);
        Assert.Equal("own id", ids[2]);
    }

    [Fact]
    public async Task Publishes_OfAHandlerThatThrows_AreNotSent()
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            static async (order, context, cancellationToken) =>
            {
                await context.Publisher.PublishAsync(new OrderStatus(order.Id, $"attempt {context.Attempt}"), cancellationToken: cancellationToken);
                if (context.Attempt == 1)
                {
                    throw new TimeoutException();
                }
            },
            static c => c.Retry(static r => r.Else(1, Backoff.None)));

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Contains("attempt 2", Assert.Single(await stand.Fixture.Broker.DrainAsync("out")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publishes_SentAndThenNotCompleted_HaveTheSameIdsTheSecondTime()
    {
        int completions = 0;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            static async (order, context, cancellationToken) =>
                await context.Publisher.PublishAsync(new OrderStatus(order.Id, "sent"), cancellationToken: cancellationToken));
        stand.Store.CompleteFails = () => ++completions == 1 ? new TimeoutException("the store does not answer") : null;

        await stand.PublishAsync("m");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("out", ready: 2), TimeSpan.FromMilliseconds(100));

        Assert.Equal(await NextIdAsync(stand.Fixture, "sent"), await NextIdAsync(stand.Fixture, "sent"));
    }

    [Fact]
    public async Task Publishes_ThatNobodyTakes_FailTheAttempt()
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(static async (order, context, cancellationToken) =>
            await context.Publisher.PublishAsync(new OrderStatus(order.Id, "lost"), PublishOptions.ToQueue("nowhere"), cancellationToken));

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q.error", ready: 1);
        Delivery dead = await stand.Fixture.Broker.NextDeliveryAsync("q.error");
        Assert.Equal(typeof(PublishException).FullName, dead.Message.Headers[MessageHeaders.ErrorType]);
        Assert.Equal(["claim", "fail", "dispose"], stand.Store.Steps);
    }

    [Fact]
    public async Task Publishes_WhereTheClaimTakesThem_ArePartOfTheCompletion()
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            static async (order, context, cancellationToken) =>
            {
                await context.Publisher.PublishAsync(new OrderStatus(order.Id, "a"), cancellationToken: cancellationToken);
                await context.Publisher.PublishAsync(new OrderStatus(order.Id, "b"), new PublishOptions { Mandatory = false }, cancellationToken);
            },
            store: static time => new ScriptedStore(time) { TakesOutgoing = true });

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        OutboxMessage[] taken = [.. stand.Store.Taken];
        Assert.Equal(2, taken.Length);
        Assert.Equal(("", "out", true), (taken[0].Exchange, taken[0].RoutingKey, taken[0].Mandatory));
        Assert.False(taken[1].Mandatory);
        Assert.Equal(taken[0].Id, taken[0].Message.Properties.MessageId);
        Assert.NotEqual(taken[0].Id, taken[1].Id);
        Assert.Equal(0, (await stand.Fixture.Broker.DescribeAsync("out")).ReadyCount);
    }

    [Fact]
    public async Task Publish_AfterTheHandlersOwnAck_IsRefused()
    {
        Exception? refused = null;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(async (order, context, cancellationToken) =>
        {
            await context.Publisher.PublishAsync(new OrderStatus(order.Id, "in time"), cancellationToken: cancellationToken);
            await context.AckAsync(cancellationToken);
            refused = await Record.ExceptionAsync(async () => await context.Publisher.PublishAsync(new OrderStatus(order.Id, "late"), cancellationToken: cancellationToken));
        });

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        await stand.Fixture.WaitForCountsAsync("out", ready: 1);
        await stand.Fixture.Bus.StopAsync(Token); // the handler goes on after its acknowledgement
        Assert.IsType<InvalidOperationException>(refused);
        Assert.Equal(1, (await stand.Fixture.Broker.DescribeAsync("q")).AckedTotal);
    }

    [Fact]
    public async Task Request_OfTheHandler_GoesAtOnce()
    {
        string? status = null;
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q").Queue("ask"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Respond<OrderStatus, OrderStatus>("ask", static (asked, _, _) => ValueTask.FromResult(asked with { Status = "known" }))
            .Consume<Order>(
                "q",
                async (order, context, cancellationToken) => status = (await context.Publisher.RequestAsync<OrderStatus, OrderStatus>(
                    new OrderStatus(order.Id, "?"), options: PublishOptions.ToQueue("ask"), cancellationToken: cancellationToken)).Status,
                static c => c.Idempotent()));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal("known", status);
    }

    [Theory]
    [InlineData("ack", "claim complete dispose", IdempotenceState.Processed)]
    [InlineData("reject", "claim fail dispose", IdempotenceState.Failed)]
    [InlineData("dead-letter", "claim fail dispose", IdempotenceState.Failed)]
    [InlineData("defer", "claim dispose", null)]
    public async Task Settled_ByTheHandler_TheClaimEndsWithIt(string how, string steps, IdempotenceState? state)
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync((_, context, cancellationToken) => how switch
        {
            "ack" => context.AckAsync(cancellationToken),
            "reject" => context.RejectAsync(cancellationToken),
            "dead-letter" => context.DeadLetterAsync("not mine", cancellationToken),
            _ => context.DeferAsync(TimeSpan.FromSeconds(10), cancellationToken),
        });

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        await stand.Fixture.Bus.StopAsync(Token); // the claim ends after the handler has settled
        Assert.Equal(steps, string.Join(' ', stand.Store.Steps));
        Assert.Equal(state, (await stand.Store.FindAsync("q", "m", Token))?.State);
    }

    [Fact]
    public async Task Requeued_ByTheHandler_IsProcessedAtTheNextDelivery()
    {
        int handled = 0;
        await using IdempotentStand stand = await IdempotentStand.StartAsync((_, context, cancellationToken)
            => ++handled == 1 ? context.RequeueAsync(cancellationToken) : ValueTask.CompletedTask);

        await stand.PublishAsync("m");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromMilliseconds(10));

        Assert.Equal(2, handled);
        Assert.Equal(IdempotenceState.Processed, (await stand.Store.FindAsync("q", "m", Token))?.State);
    }

    [Fact]
    public async Task Completion_ThatAcknowledges_IsNotAcknowledgedAgain()
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            static (_, _, _) => ValueTask.CompletedTask, store: static time => new ScriptedStore(time) { Acknowledges = true });

        await stand.PublishAsync("m");
        await stand.PublishAsync("n");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(2, (await stand.Fixture.Broker.DescribeAsync("q")).AckedTotal);
        Assert.Empty(stand.Fixture.Log.WithId(1205));
        Assert.Empty(stand.Fixture.Log.WithId(1101));
    }

    [Fact]
    public async Task Stop_WhileAClaimIsHeld_GivesItUpWithItsMessage()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IdempotentStand stand = await IdempotentStand.StartAsync(async (_, _, cancellationToken) =>
        {
            begun.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        });

        await stand.PublishAsync("m");
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);
        IReadOnlyList<ConsumerStopReport> reports = await stand.Fixture.Bus.StopAsync(new CancellationToken(canceled: true)); // handlers are cancelled at once

        Assert.Equal((1, 1), (reports[0].Returned, reports[0].Ready));
        Assert.Null(await stand.Store.FindAsync("q", "m", Token));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stop_HandlerEndsAfterItWasCancelled_RemembersWhatItDid(bool takesOutgoing)
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            store: time => new ScriptedStore(time) { TakesOutgoing = takesOutgoing },
            handle: async (_, context, cancellationToken) =>
            {
                await context.Publisher.PublishAsync(new OrderStatus("1", "paid"), cancellationToken: CancellationToken.None);
                TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
                await using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static source => ((TaskCompletionSource)source!).SetResult(), cancelled);
                begun.SetResult();
                await cancelled.Task; // and ends its work all the same
            });

        await stand.PublishAsync("m");
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);
        IReadOnlyList<ConsumerStopReport> reports = await stand.Fixture.Bus.StopAsync(new CancellationToken(canceled: true)); // handlers are cancelled at once

        Assert.Equal((0, 0), (reports[0].Returned, reports[0].Ready));
        Assert.Equal(IdempotenceState.Processed, (await stand.Store.FindAsync("q", "m", Token))?.State);
        Assert.Equal(1, takesOutgoing ? stand.Store.Taken.Count : (await stand.Fixture.Broker.DescribeAsync("out")).ReadyCount);
    }

    [Theory]
    [InlineData(false, "claim handler scope complete dispose")]
    [InlineData(true, "claim handler complete dispose scope")]
    public async Task Scope_OfTheMessage_EndsBeforeTheCompletionUnlessTheStoreLivesInIt(bool livesInScope, string order)
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            store: time => new ScriptedStore(time) { LivesInScope = livesInScope },
            handle: static (_, context, _) =>
            {
                context.Services.GetRequiredService<ScopeEnding>().Steps!.Enqueue("handler");
                return ValueTask.CompletedTask;
            });

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(order, string.Join(' ', stand.Store.Steps));
    }

    [Theory]
    [InlineData(false, 0, 1)]
    [InlineData(true, 1, 0)]
    public async Task Scope_ThatFailsAtItsEnd_FailsTheAttemptUnlessItWasCompleted(bool livesInScope, int processed, int deadLettered)
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            store: time => new ScriptedStore(time) { LivesInScope = livesInScope },
            handle: static (_, context, _) =>
            {
                context.Services.GetRequiredService<ScopeEnding>().Error = new TimeoutException("flush");
                return ValueTask.CompletedTask;
            });

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q.error", ready: deadLettered);
        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(processed, (await stand.Store.FindAsync("q", "m", Token))?.State == IdempotenceState.Processed ? 1 : 0);
        Assert.Equal(processed, stand.Fixture.Log.WithId(1215).Count());
    }

    [Fact]
    public async Task Keys_WithRetriesAndDuplicates_StayInOrderAndTakeEffectOnce()
    {
        const int Messages = 400;
        int seed = Seeds.Pick(20_303);
        Random random = Seeds.Generator(seed);
        ConcurrentDictionary<string, ConcurrentQueue<int>> effects = new();
        HashSet<string> failing = [.. Enumerable.Range(0, 60).Select(_ => $"{random.Next(Messages)}")];
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            async (order, context, _) =>
            {
                await Task.Yield();
                if (failing.Contains(order.Id) && context.Attempt == 1)
                {
                    throw new TimeoutException();
                }

                effects.GetOrAdd(order.Customer, static _ => new ConcurrentQueue<int>()).Enqueue(int.Parse(order.Id, System.Globalization.CultureInfo.InvariantCulture));
            },
            static c => c.Concurrency(8).Prefetch(40).KeyBy(static order => order.Customer).Retry(static r => r.Else(2, Backoff.Steps(TimeSpan.FromSeconds(1)))));

        for (int i = 0; i < Messages; i++)
        {
            await stand.PublishAsync($"{i}", $"c{i % 7}");
            if (random.Next(3) == 0)
            {
                int again = random.Next(i + 1);
                await stand.PublishAsync($"{again}", $"c{again % 7}");
            }
        }

        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromMilliseconds(100));
        Assert.Equal(Messages, effects.Values.Sum(static numbers => numbers.Count));
        Assert.All(effects.Values, numbers => Assert.True(numbers.SequenceEqual(numbers.Order().Distinct()), $"Seed {seed}: {string.Join(",", numbers)}"));
    }

    private static async Task<string> NextIdAsync(BusFixture fixture, string status)
    {
        Delivery delivery = await fixture.Broker.NextDeliveryAsync("out");
        Assert.Contains(status, delivery.Message.GetText(), StringComparison.Ordinal);
        return delivery.Properties.MessageId!;
    }
}
