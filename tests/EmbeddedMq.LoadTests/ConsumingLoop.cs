namespace EmbeddedMq.LoadTests;

/// <summary>Reads one consumer, and acknowledges each message where that is asked for, until so many have come.</summary>
internal sealed class ConsumingLoop
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _loop;
    private long _count;
    private long _goal = long.MaxValue;

    internal ConsumingLoop(IChannel channel, IConsumer consumer, bool acknowledges = true)
        => _loop = Task.Run(() => RunAsync(channel, consumer, acknowledges));

    /// <summary>Waits until so many messages have been received and acknowledged.</summary>
    internal async Task ReachAsync(long goal)
    {
        Volatile.Write(ref _goal, goal);
        Interlocked.MemoryBarrier(); // the loop counts, and looks at the goal after that; here it is the other way round
        if (Volatile.Read(ref _count) < goal)
        {
            await await Task.WhenAny(_reached.Task, _loop);
        }
    }

    private async Task RunAsync(IChannel channel, IConsumer consumer, bool acknowledges)
    {
        await foreach (Delivery delivery in consumer.ReadAllAsync())
        {
            if (acknowledges)
            {
                await channel.AckAsync(delivery.DeliveryTag);
            }

            if (Interlocked.Increment(ref _count) >= Volatile.Read(ref _goal))
            {
                _reached.TrySetResult();
            }
        }
    }
}
