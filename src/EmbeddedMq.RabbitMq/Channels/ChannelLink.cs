using System.Diagnostics.CodeAnalysis;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Channels;

/// <summary>A channel's hold on the wire, from one recovery to the next. A recovered channel has a new one, and what belongs to an old one is void.</summary>
/// <param name="session">The wire connection.</param>
/// <param name="wire">The wire channel.</param>
/// <param name="tagOffset">What is added to a tag of the wire: the highest tag of the links before, so that no tag is used twice.</param>
/// <param name="confirms">The publishes that wait for an answer, or <see langword="null"/> on a channel without confirms.</param>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "A token source without a timer holds nothing to release.")]
internal sealed class ChannelLink(Client.IConnection session, Client.IChannel wire, ulong tagOffset, ConfirmTracker? confirms)
{
    private readonly CancellationTokenSource _death = new();
    private volatile bool _isDead;

    /// <summary>The wire connection.</summary>
    internal Client.IConnection Session => session;

    /// <summary>The wire channel.</summary>
    internal Client.IChannel Wire => wire;

    /// <summary>What is added to a tag of the wire.</summary>
    internal ulong TagOffset => tagOffset;

    /// <summary>The publishes that wait for an answer.</summary>
    internal ConfirmTracker? Confirms => confirms;

    /// <summary>The deliveries that are not settled.</summary>
    internal DeliveryBook Book { get; } = new();

    /// <summary>The tags settled in the open transaction. Guarded by itself.</summary>
    internal List<ulong> SettledInTransaction { get; } = [];

    /// <summary>Whether the open transaction holds anything. Written by the channel's callers.</summary>
    internal bool HoldsTransaction { get; set; }

    /// <summary>The prefetch that the server gives to the next consumer. Guarded by the channel's call lock.</summary>
    internal int WirePrefetch { get; set; }

    /// <summary>Whether the wire is gone: its deliveries went back to their queues.</summary>
    internal bool IsDead => _isDead;

    /// <summary>Cancelled when the wire is gone. A publish that waits for room among the frames has to know: the client's own end of a connection waits for
    /// that publish, and would wait for ever. So has whoever waits for what the client does not tell as the answer to a call.</summary>
    internal CancellationToken Death => _death.Token;

    /// <summary>The wire is gone.</summary>
    internal void Kill()
    {
        _isDead = true;
        _death.Cancel();
    }
}
