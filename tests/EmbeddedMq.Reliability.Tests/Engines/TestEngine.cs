using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.Time.Testing;

[assembly: AssemblyFixture(typeof(SharedRabbitServer))]

namespace EmbeddedMq.Reliability.Tests.Engines;

/// <summary>A broker of one engine, with time that passes when a test wants it to: the embedded one on a clock that only the test moves, a server on its own.</summary>
public sealed class TestEngine : IAsyncDisposable
{
    /// <summary>A lease that does not end: the clock goes on while a handler is merely kept waiting for a core.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromDays(1);

    // A fortieth of it goes by on the machine's own clock meanwhile.
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);

    // While nobody has a message in hand, there is nothing that a clock could outrun: what is left to happen has its time.
    private static readonly TimeSpan Leap = TimeSpan.FromSeconds(5);

    private static int _names;

    private readonly FakeTimeProvider? _time;
    private readonly int _number = Interlocked.Increment(ref _names);

    private TestEngine(IBroker broker, FakeTimeProvider? time)
    {
        Broker = broker;
        _time = time;
    }

    /// <summary>The broker.</summary>
    public IBroker Broker { get; }

    /// <summary>The clock for what is built on the broker.</summary>
    public TimeProvider Clock => _time ?? TimeProvider.System;

    /// <summary>Whether the broker has the clock that the test moves; a server has its own.</summary>
    public bool HasOwnClock => _time is not null;

    /// <summary>A span of time: as long as said on a clock that is moved, a fortieth of it on one that has to be waited for.</summary>
    public TimeSpan Span(double seconds) => TimeSpan.FromSeconds(_time is null ? seconds / 40 : seconds);

    /// <summary>A name that no other test has on this broker.</summary>
    public string Name(string stem) => $"{stem}-{_number}";

    /// <summary>The embedded engine.</summary>
    public static async Task<TestEngine> StartEmbeddedAsync()
    {
        FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        return new TestEngine(await EmbeddedMq.Broker.StartAsync(new BrokerOptions { TimeProvider = time, RandomSeed = 1 }), time);
    }

    /// <summary>A RabbitMQ server; the test is skipped where there is none.</summary>
    public static async Task<TestEngine> StartRabbitMqAsync()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        return new TestEngine(await RabbitMqBroker.StartAsync(server.ToOptions()), null);
    }

    /// <summary>Lets time pass until something has happened, and fails by name when it does not.</summary>
    /// <param name="condition">Whether it has.</param>
    /// <param name="what">What.</param>
    /// <param name="isMoving">Whether the test's clock moves meanwhile.</param>
    public async Task UntilAsync(Func<ValueTask<bool>> condition, string what, bool isMoving = true)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, $"It did not happen: {what}.");
            if (isMoving && _time is not null)
            {
                _time.Advance(await IsQuietAsync() ? Leap : Step);
            }

            await Task.Delay(Step / 40, TimeProvider.System);
        }
    }

    /// <summary>Lets time pass until a task is complete, and fails by name when it is not.</summary>
    public async Task<T> UntilAsync<T>(Task<T> task, string what)
    {
        await UntilAsync(() => new ValueTask<bool>(task.IsCompleted), what);
        return await task;
    }

    /// <summary>Lets time pass until a task is complete, and fails by name when it is not.</summary>
    public async Task UntilAsync(Task task, string what)
    {
        await UntilAsync(() => new ValueTask<bool>(task.IsCompleted), what);
        await task;
    }

    /// <summary>How many messages are ready in a queue.</summary>
    public async Task<uint> CountAsync(string queue)
    {
        await using IConnection connection = await Broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        return (await channel.DeclareQueuePassiveAsync(queue)).MessageCount;
    }

    /// <summary>Takes a message that is ready, or gives nothing.</summary>
    public async Task<Delivery?> GetAsync(string queue)
    {
        await using IConnection connection = await Broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        return (await channel.GetAsync(queue, autoAck: true))?.Delivery;
    }

    /// <summary>Takes all messages that are ready.</summary>
    public async Task<IReadOnlyList<Delivery>> DrainAsync(string queue)
    {
        await using IConnection connection = await Broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        List<Delivery> deliveries = [];
        while (await channel.GetAsync(queue, autoAck: true) is { } result)
        {
            deliveries.Add(result.Delivery);
        }

        return deliveries;
    }

    /// <summary>Moves messages that are ready from one queue to another.</summary>
    /// <param name="from">The queue.</param>
    /// <param name="to">The other.</param>
    /// <param name="isMeant">Whether a message is to be moved; others stay.</param>
    public async Task MoveAsync(string from, string to, Func<Message, bool> isMeant)
    {
        await using IConnection connection = await Broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        while (await channel.GetAsync(from) is { } got) // what is neither acknowledged nor meant goes back with the channel
        {
            if (isMeant(got.Delivery.Message))
            {
                await channel.PublishAsync("", to, got.Delivery.Message);
                await channel.AckAsync(got.Delivery.DeliveryTag);
            }
        }
    }

    private async Task<bool> IsQuietAsync()
        => (await Broker.Management.ListQueuesAsync("/")).All(static queue => queue.UnackedCount == 0 && (queue.ReadyCount == 0 || queue.ConsumerCount == 0));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Broker.DisposeAsync();
}
