using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Consumers;

/// <summary>The consumers of one queue: whose turn it is.</summary>
/// <remarks>
/// Guarded by the queue's gate. Consumers take turns within a priority; a lower priority has its turn when nobody above has credit.
/// A consumer without credit leaves the ring until it has some, so that finding the next one costs no scan. With a single active consumer
/// only that one is in the ring. Source: RabbitMQ consumer priorities, single active consumer.
/// </remarks>
internal sealed class ConsumerRing
{
    private readonly List<Consumer> _all = []; // in order of registration
    private Level[] _levels = [];              // highest priority first
    private Consumer? _active;

    /// <summary>How many consumers there are.</summary>
    internal int Count => _all.Count;

    /// <summary>Whether only one consumer at a time receives. Set before the first is added.</summary>
    internal bool SingleActive { get; init; }

    /// <summary>Whether a consumer has the queue for itself.</summary>
    internal bool HasExclusive => _all.Count == 1 && _all[0].Options.Exclusive;

    /// <summary>The consumer that receives, where only one does.</summary>
    internal Consumer? Active => _active;

    /// <summary>Whether a consumer could take a message now.</summary>
    internal bool AnyCanTake => _levels.Any(static level => level.Turns.Any(static consumer => consumer.HasCredit));

    /// <summary>The consumers in order of registration.</summary>
    internal IReadOnlyList<Consumer> All => _all;

    /// <summary>Adds a consumer at the end of its level.</summary>
    /// <param name="consumer">The consumer.</param>
    internal void Add(Consumer consumer)
    {
        _all.Add(consumer);
        if (SingleActive)
        {
            if (_active is not null)
            {
                return;
            }

            _active = consumer;
        }

        Enter(consumer);
    }

    /// <summary>Removes a consumer; with a single active one the next in order takes over.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(Consumer consumer)
    {
        if (!_all.Remove(consumer))
        {
            return false;
        }

        consumer.RingNode.List?.Remove(consumer.RingNode);
        consumer.TryEndStarving();
        if (ReferenceEquals(consumer, _active))
        {
            _active = _all.Count > 0 ? _all[0] : null;
            if (_active is not null)
            {
                Enter(_active);
            }
        }

        return true;
    }

    /// <summary>Lets a consumer back in that had run out of credit.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns>Whether it takes part again.</returns>
    internal bool Resume(Consumer consumer)
    {
        if (!consumer.TryEndStarving() || consumer.RingNode.List is not null)
        {
            return false;
        }

        Enter(consumer);
        return true;
    }

    /// <summary>Finds the consumer whose turn it is and takes one credit of it.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns><see langword="false"/> when nobody has credit.</returns>
    internal bool TryTakeNextWithCredit([NotNullWhen(true)] out Consumer? consumer)
    {
        foreach (Level level in _levels)
        {
            LinkedList<Consumer> turns = level.Turns;
            while (turns.First is { } node)
            {
                turns.RemoveFirst();
                if (node.Value.TryTakeCredit())
                {
                    turns.AddLast(node);
                    consumer = node.Value;
                    return true;
                }
            }
        }

        consumer = null;
        return false;
    }

    private void Enter(Consumer consumer) => LevelOf(consumer.Options.Priority).Turns.AddLast(consumer.RingNode);

    private Level LevelOf(int priority)
    {
        int index = 0;
        while (index < _levels.Length && _levels[index].Priority > priority)
        {
            index++;
        }

        if (index == _levels.Length || _levels[index].Priority != priority)
        {
            _levels = [.. _levels[..index], new Level(priority, new LinkedList<Consumer>()), .. _levels[index..]];
        }

        return _levels[index];
    }

    private readonly record struct Level(int Priority, LinkedList<Consumer> Turns);
}
