using EmbeddedMq.Queues;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace EmbeddedMq.TestSupport;

/// <summary>A broker for one test, with a clock that only the test moves.</summary>
/// <remarks>
/// <para>The embedded engine works on its callers' threads: what a publish, a settlement or a step of the clock sets off (deliveries,
/// expiry, dead-lettering, confirms) has happened when that call has returned. Tests therefore act, then look; nothing sleeps.
/// <see cref="SettleAsync"/> is the place where an engine that works behind its callers' backs would be waited for.</para>
/// <para>Waits are bounded by <see cref="Patience"/> of real time, so that a hang is a failure with a name.</para>
/// </remarks>
public sealed class BrokerFixture : IAsyncDisposable
{
    private readonly Func<ValueTask> _settle;
    private IConnection? _connection;
    private IChannel? _lookout;

    private BrokerFixture(IBroker broker, FakeTimeProvider time, Func<ValueTask> settle)
    {
        Broker = broker;
        Time = time;
        _settle = settle;
    }

    /// <summary>How long, in real time, a test waits for something that must come. Only what never comes is waited for so long: that the machine is slow, or busy
    /// with other things, is no failure.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(3);

    /// <summary>The broker.</summary>
    public IBroker Broker { get; }

    /// <summary>The broker's clock.</summary>
    public FakeTimeProvider Time { get; }

    /// <summary>Starts an embedded broker.</summary>
    /// <param name="configure">Changes its options.</param>
    public static ValueTask<BrokerFixture> StartAsync(Action<BrokerOptions>? configure = null)
        => StartAsync(async time =>
        {
            BrokerOptions options = new() { TimeProvider = time, RandomSeed = 1 };
            configure?.Invoke(options);
            return await EmbeddedMq.Broker.StartAsync(options);
        });

    /// <summary>Starts an embedded broker whose queues keep next to nothing in memory: after each step all that may go has gone to a made-up disk, and
    /// what is needed has come back.</summary>
    /// <param name="configure">Changes its options.</param>
    public static async ValueTask<BrokerFixture> StartPagingAsync(Action<BrokerOptions>? configure = null)
    {
        PagerPump? pump = null;
        return await StartAsync(
            async time =>
            {
                BrokerOptions options = new() { TimeProvider = time, RandomSeed = 1 };
                options.BacklogMemoryBytes = 1;
                options.BacklogStore = new FakeBacklogStore();
                options.BacklogSettings = new BacklogSettings { WindowMessages = 1, RestMs = 0 };
                options.BacklogStarted = pager => pump = new PagerPump(pager);
                configure?.Invoke(options);
                return await EmbeddedMq.Broker.StartAsync(options);
            },
            () =>
            {
                pump?.RunAll();
                return ValueTask.CompletedTask;
            });
    }

    /// <summary>Starts some other engine behind the same contracts.</summary>
    /// <param name="start">Starts it on the fixture's clock.</param>
    /// <param name="settle">Completes when the engine has nothing left to do; <see langword="null"/> for one that works on its callers' threads.</param>
    public static async ValueTask<BrokerFixture> StartAsync(Func<TimeProvider, ValueTask<IBroker>> start, Func<ValueTask>? settle = null)
    {
        // A round date, in whole seconds: timestamps in x-death have no finer unit.
        FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        return new BrokerFixture(await start(time), time, settle ?? (static () => ValueTask.CompletedTask));
    }

    /// <summary>Waits for something that should be there at once, and fails by name when it is not.</summary>
    /// <param name="task">What is waited for.</param>
    /// <param name="what">Its name in the failure.</param>
    public static async Task<T> WithinPatienceAsync<T>(ValueTask<T> task, string what)
    {
        if (task.IsCompleted)
        {
            return await task;
        }

        try
        {
            return await task.AsTask().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Nothing came within {Patience.TotalSeconds} s of real time: {what}.");
        }
    }

    /// <summary>Opens a connection of its own, with a name.</summary>
    /// <param name="name">Its name; <see langword="null"/> lets the broker choose.</param>
    public ValueTask<IConnection> ConnectAsync(string? name = null) => Broker.ConnectAsync(new ConnectionOptions { Name = name });

    /// <summary>Opens a channel on the fixture's own connection.</summary>
    /// <param name="mode">Whether it confirms, is transactional, or neither.</param>
    public async ValueTask<IChannel> OpenChannelAsync(ChannelMode mode = ChannelMode.Confirm)
    {
        if (_connection is not { IsOpen: true })
        {
            _connection = await ConnectAsync("fixture");
        }

        return await _connection.OpenChannelAsync(new ChannelOptions { Mode = mode });
    }

    /// <summary>Takes and settles the message at the head of a queue; fails when none is ready.</summary>
    /// <param name="queue">The queue.</param>
    public async ValueTask<Delivery> NextDeliveryAsync(string queue)
    {
        await SettleAsync();
        GetResult? result = await (await LookoutAsync()).GetAsync(queue, autoAck: true);
        if (result is null)
        {
            QueueDescription description = await DescribeAsync(queue);
            Assert.Fail($"Queue '{queue}' has no message ready; {description.UnackedCount} are handed over and not settled.");
        }

        return result.Delivery;
    }

    /// <summary>Takes and settles all that is ready in a queue, and gives the bodies as texts, in order.</summary>
    /// <param name="queue">The queue.</param>
    public async ValueTask<IReadOnlyList<string>> DrainAsync(string queue)
    {
        await SettleAsync();
        List<string> texts = [];
        while (await (await LookoutAsync()).GetAsync(queue, autoAck: true) is { } result)
        {
            texts.Add(result.Delivery.Message.GetText());
        }

        return texts;
    }

    /// <summary>A queue's counts; fails when there is no such queue.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="virtualHost">Its virtual host.</param>
    public async ValueTask<QueueDescription> DescribeAsync(string queue, string virtualHost = ConnectionOptions.DefaultVirtualHost)
    {
        await SettleAsync();
        IReadOnlyList<QueueDescription> queues = await Broker.Management.ListQueuesAsync(virtualHost);
        QueueDescription? description = queues.FirstOrDefault(q => q.Name == queue);
        Assert.True(description is not null, $"There is no queue '{queue}' in virtual host '{virtualHost}', only: {string.Join(", ", queues.Select(static q => q.Name))}.");
        return description;
    }

    /// <summary>Moves the broker's clock and lets what is due happen.</summary>
    /// <param name="duration">By how much.</param>
    public async ValueTask AdvanceAsync(TimeSpan duration)
    {
        Time.Advance(duration);
        await SettleAsync();
    }

    /// <summary>Completes when the broker has nothing left to do without another call or another step of the clock.</summary>
    public ValueTask SettleAsync() => _settle();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Broker.DisposeAsync();

    // A channel of the fixture's own, so that looking does not use up the delivery tags of the channel under test.
    private async ValueTask<IChannel> LookoutAsync()
    {
        if (_lookout is not { IsOpen: true })
        {
            _lookout = await OpenChannelAsync();
        }

        return _lookout;
    }
}
