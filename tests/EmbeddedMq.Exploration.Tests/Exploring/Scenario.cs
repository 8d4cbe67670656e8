using EmbeddedMq.Consumers;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>What one run works with: a broker of its own, threads, and a check at the end. Threads call the public API without awaiting,
/// because each is one piece of work from the explorer's point of view.</summary>
internal sealed class Scenario
{
    // QueueEntry counts so much for itself.
    private const int EntryOverheadBytes = 208;

    private readonly List<(string Name, Action Body)> _threads = [];
    private readonly Dictionary<IConsumer, IAsyncEnumerator<Delivery>> _readers = [];

    private Scenario(Broker broker, FakeTimeProvider time)
    {
        Broker = broker;
        Time = time;
    }

    internal Broker Broker { get; }

    internal FakeTimeProvider Time { get; }

    /// <summary>The threads, by number.</summary>
    internal IReadOnlyList<(string Name, Action Body)> Threads => _threads;

    /// <summary>What must hold when all threads have ended; in addition to the books of every queue, which are always checked.</summary>
    internal Func<Task> Check { get; set; } = static () => Task.CompletedTask;

    /// <summary>Starts the broker of one run.</summary>
    internal static async Task<Scenario> StartAsync(Action<BrokerOptions>? configure)
    {
        FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        BrokerOptions options = new() { TimeProvider = time, RandomSeed = 1 };
        configure?.Invoke(options);
        return new Scenario(await Broker.StartAsync(options), time);
    }

    /// <summary>Opens a channel on a connection of its own.</summary>
    internal async Task<IChannel> OpenChannelAsync() => await (await Broker.ConnectAsync()).OpenChannelAsync();

    /// <summary>Adds a thread.</summary>
    internal void Thread(string name, Action body) => _threads.Add((name, body));

    /// <summary>Carries out a call whose answer may be late.</summary>
    internal T Do<T>(ValueTask<T> call)
    {
        if (!call.IsCompleted)
        {
            Task<T> task = call.AsTask();
            ExploredThread.Current?.WaitFor(() => task.IsCompleted);
            return task.GetAwaiter().GetResult();
        }

        return call.GetAwaiter().GetResult();
    }

    /// <summary>Publishes a text to a queue.</summary>
    internal void Publish(IChannel channel, string queue, string text) => Do(channel.PublishAsync("", queue, Message.Text(text)));

    /// <inheritdoc cref="Do{T}"/>
    internal void Do(ValueTask call)
    {
        if (!call.IsCompleted)
        {
            Task task = call.AsTask();
            ExploredThread.Current?.WaitFor(() => task.IsCompleted);
            task.GetAwaiter().GetResult();
            return;
        }

        call.GetAwaiter().GetResult();
    }

    /// <summary>Carries out a call on a channel that another thread may close.</summary>
    /// <returns>Whether the channel was still open.</returns>
    internal bool TryDo(Func<ValueTask> call)
    {
        try
        {
            Do(call());
            return true;
        }
        catch (EmbeddedMqException)
        {
            return false;
        }
    }

    /// <summary>Waits for the next delivery and reads it.</summary>
    internal Delivery Read(IConsumer consumer)
    {
        ExploredThread.Current?.WaitFor(() => ((Consumer)consumer).HasUnread);
        return TryRead(consumer) ?? throw new ExplorationException("A delivery was there and could not be read.");
    }

    /// <summary>Waits for deliveries with these texts, one after the other, and acknowledges each.</summary>
    internal void ReadAndAck(IChannel channel, IConsumer consumer, params string[] expected)
    {
        foreach (string text in expected)
        {
            Delivery delivery = Read(consumer);
            Assert.Equal(text, delivery.Message.GetText());
            Do(channel.AckAsync(delivery.DeliveryTag));
        }
    }

    /// <summary>Reads the next delivery if it is there.</summary>
    internal Delivery? TryRead(IConsumer consumer)
    {
        if (!((Consumer)consumer).HasUnread)
        {
            return null;
        }

        if (!_readers.TryGetValue(consumer, out IAsyncEnumerator<Delivery>? reader))
        {
            reader = consumer.ReadAllAsync().GetAsyncEnumerator();
            _readers.Add(consumer, reader);
        }

        return reader.MoveNextAsync().AsTask().GetAwaiter().GetResult() ? reader.Current : null;
    }

    internal async Task<QueueDescription> DescribeAsync(string queue)
        => (await Broker.Management.ListQueuesAsync("/")).Single(q => q.Name == queue);

    /// <summary>Takes what is ready in a queue, as texts.</summary>
    internal async Task<IReadOnlyList<string>> DrainAsync(string queue)
    {
        IChannel channel = await OpenChannelAsync();
        List<string> texts = [];
        while (await channel.GetAsync(queue, autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText());
        }

        await channel.CloseAsync();
        return texts;
    }

    /// <summary>What came into each queue has left it or is there, and nothing else is counted as memory once nobody holds a delivery.</summary>
    internal async Task CheckBooksAsync()
    {
        foreach (ConnectionDescription connection in await Broker.Management.ListConnectionsAsync())
        {
            await Broker.Management.CloseConnectionsAsync(connection.Name, "the run has ended");
        }

        long memory = 0;
        foreach (QueueDescription queue in await Broker.Management.ListQueuesAsync("/"))
        {
            Assert.Equal(0, queue.UnackedCount);
            Assert.Equal(0, queue.WaitingPublishCount);
            Assert.Equal(
                queue.EnqueuedTotal, queue.AckedTotal + queue.DeadLetteredTotal + queue.DroppedTotal + queue.PurgedTotal + queue.ReadyCount);
            memory += queue.ReadyBytes + (queue.ReadyCount * EntryOverheadBytes);
        }

        Assert.Equal(memory, Broker.MemoryBytes);
    }
}
