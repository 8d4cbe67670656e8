using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.VirtualHosts;

/// <summary>What every part of one broker shares.</summary>
/// <param name="Limits">The bounds on what applications may ask for.</param>
/// <param name="Scheduler">Everything that happens over time; it holds the clock.</param>
/// <param name="Memory">The count of bytes in messages.</param>
/// <param name="Names">Generated names and seeds.</param>
/// <param name="Store">What is kept beyond memory.</param>
/// <param name="Logger">The broker's log.</param>
/// <param name="Backlog">Who puts messages away that do not fit into memory, or <see langword="null"/>: all of them stay in memory.</param>
internal sealed record BrokerServices(
    BrokerLimits Limits, Scheduler Scheduler, MemoryLedger Memory, NameGenerator Names, MessageStore Store, ILogger Logger, BacklogPager? Backlog = null)
{
    /// <summary>Where commits wait that bring more than the broker takes at present.</summary>
    internal RoomForCommits Room { get; } = new();

    /// <summary>The broker's clock.</summary>
    internal BrokerClock Clock => Scheduler.Clock;
}
