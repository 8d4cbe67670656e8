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
    private bool _fillsAtOnce;

    /// <summary>How many consumers there are.</summary>
    internal int Count => _all.Count;

    /// <summary>Whether only one consumer at a time receives. Set before the first is added.</summary>
    internal bool SingleActive { get; init; }

    /// <summary>Whether the highest priority takes over where the single active consumer goes; else whoever came first. Set before the first is added.</summary>
    /// <remarks>Source: measured on RabbitMQ 3.10; its classic queues look at the priority, its quorum queues do not.</remarks>
    internal bool HandsOverByPriority { get; init; } = true;

    /// <summary>Whether a consumer has the queue for itself.</summary>
    internal bool HasExclusive => _all.Count == 1 && _all[0].Options.Exclusive;

    /// <summary>The consumer that receives, where only one does.</summary>
    internal Consumer? Active => _active;

    /// <summary>Whether there are consumers and none receives any more.</summary>
    internal bool IsSuspended => _all.Count > 0 && _all.TrueForAll(static consumer => consumer.IsSuspended);

    /// <summary>The acknowledgements that its consumers have counted.</summary>
    internal long AcknowledgedCount
    {
        get
        {
            long count = 0;
            foreach (Consumer consumer in _all)
            {
                count += consumer.AcknowledgedCount;
            }

            return count;
        }
    }

    /// <summary>The consumers in order of registration.</summary>
    internal IReadOnlyList<Consumer> All => _all;

    /// <summary>Adds a consumer at the end of its level.</summary>
    /// <param name="consumer">The consumer.</param>
    internal void Add(Consumer consumer)
    {
        _all.Add(consumer);
        if (consumer.IsSuspended)
        {
            return; // its channel has closed meanwhile
        }

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

    /// <summary>Removes a consumer; with a single active one another takes over.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(Consumer consumer)
    {
        if (!_all.Remove(consumer))
        {
            return false;
        }

        Suspend(consumer);
        int priority = consumer.Options.Priority;
        if (_levels.Length > 1 && !_all.Exists(other => other.Options.Priority == priority))
        {
            SetLevels([.. _levels.Where(level => level.Priority != priority)]); // else priorities that never come again would make turns slow
        }

        if (ReferenceEquals(consumer, _active))
        {
            _active = FindNextActive();
            if (_active is not null)
            {
                Enter(_active);
            }
        }

        return true;
    }

    /// <summary>Gives a consumer no turn any more; it keeps its place, as the active one too, until it is removed.</summary>
    /// <param name="consumer">The consumer.</param>
    internal static void Suspend(Consumer consumer)
    {
        consumer.RingNode.List?.Remove(consumer.RingNode);
        consumer.TryEndStarving();
        consumer.IsSuspended = true;
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
                if (node.Value.TryTakeCredit())
                {
                    consumer = node.Value;
                    if (node.Next is not null) // else it is its turn again, as in most queues
                    {
                        turns.RemoveFirst();
                        turns.AddLast(node);
                    }

                    return true;
                }

                turns.RemoveFirst();
            }
        }

        consumer = null;
        return false;
    }

    /// <summary>Whether a consumer could take a message now, without taking any credit. Those who could not leave the ring, as if they had been
    /// asked to take one: else nobody would notice that their credit comes back.</summary>
    internal bool AnyCanTake()
    {
        foreach (Level level in _levels)
        {
            while (level.Turns.First is { } node)
            {
                if (node.Value.CanTake())
                {
                    return true;
                }

                level.Turns.RemoveFirst();
            }
        }

        return false;
    }

    /// <summary>Lets consumers with long windows go on with the first credit that comes back, from now on: what waits for them may die of that.</summary>
    /// <returns>Whether one takes part again.</returns>
    internal bool FillAtOnce()
    {
        if (_fillsAtOnce)
        {
            return false;
        }

        _fillsAtOnce = true;
        return TellWhoGoesOnAtOnce();
    }

    private Consumer? FindNextActive()
    {
        IEnumerable<Consumer> next = _all.Where(static consumer => !consumer.IsSuspended);
        return HandsOverByPriority ? next.MaxBy(static consumer => consumer.Options.Priority) : next.FirstOrDefault();
    }

    private void Enter(Consumer consumer)
    {
        LevelOf(consumer.Options.Priority).Turns.AddLast(consumer.RingNode);
        consumer.SetGoesOnAtOnce(GoOnAtOnce);
    }

    private Level LevelOf(int priority)
    {
        int index = 0;
        while (index < _levels.Length && _levels[index].Priority > priority)
        {
            index++;
        }

        if (index == _levels.Length || _levels[index].Priority != priority)
        {
            SetLevels([.. _levels[..index], new Level(priority, new LinkedList<Consumer>()), .. _levels[index..]]);
        }

        return _levels[index];
    }

    // Whoever waits for a part of a long window beside others of its own priority may not let a lower one pass meanwhile.
    private void SetLevels(Level[] levels)
    {
        _levels = levels;
        TellWhoGoesOnAtOnce();
    }

    private bool GoOnAtOnce => _fillsAtOnce || _levels.Length > 1;

    private bool TellWhoGoesOnAtOnce()
    {
        bool any = false;
        foreach (Consumer consumer in _all)
        {
            any |= consumer.SetGoesOnAtOnce(GoOnAtOnce) && Resume(consumer);
        }

        return any;
    }

    private readonly record struct Level(int Priority, LinkedList<Consumer> Turns);
}
