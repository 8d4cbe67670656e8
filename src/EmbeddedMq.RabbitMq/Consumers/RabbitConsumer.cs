using System.Runtime.CompilerServices;
using EmbeddedMq.RabbitMq.Channels;
using EmbeddedMq.RabbitMq.Threading;

namespace EmbeddedMq.RabbitMq.Consumers;

/// <summary>A consumer on a server, with the mailbox that its reader takes deliveries from. It outlives its wire, see <see cref="RabbitChannel"/>.</summary>
/// <remarks>
/// <para>With automatic acknowledgement it acknowledges on the wire when a delivery is read, not when it is received: an unread one is not lost.
/// Only replies (direct reply-to) are received without acknowledgement, because the server has it so.</para>
/// <para>Deliveries of a wire that was lost and that nobody has read are dropped: they went back to their queue and come again, flagged.</para>
/// </remarks>
internal sealed class RabbitConsumer : IConsumer
{
    private readonly RabbitChannel _channel;
    private readonly Mailbox<Slot> _mailbox = new();
    private readonly TaskCompletionSource<ConsumerEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private Task? _cancelled;               // guarded by _gate
    private int _isReading;
    private volatile string _consumerTag;
    private volatile ConsumerFeed? _feed;
    private volatile Exception? _failure;

    /// <summary>Makes a consumer; the channel starts it.</summary>
    /// <param name="channel">Its channel.</param>
    /// <param name="queue">Its queue.</param>
    /// <param name="options">How it consumes.</param>
    /// <param name="prefetchCount">Its prefetch: 0 for no limit.</param>
    internal RabbitConsumer(RabbitChannel channel, string queue, ConsumerOptions options, int prefetchCount)
    {
        _channel = channel;
        Queue = queue;
        Options = options;
        PrefetchCount = prefetchCount;
        _consumerTag = options.ConsumerTag;
        WireArguments = options.Priority == 0 ? options.Arguments : options.Arguments.With("x-priority", options.Priority);
    }

    /// <inheritdoc/>
    public string ConsumerTag => _consumerTag;

    /// <inheritdoc/>
    public string Queue { get; }

    /// <inheritdoc/>
    public Task<ConsumerEnd> Ended => _ended.Task;

    /// <summary>How it consumes.</summary>
    internal ConsumerOptions Options { get; }

    /// <summary>Its own prefetch: 0 for no limit.</summary>
    internal int PrefetchCount { get; }

    /// <summary>The arguments of basic.consume.</summary>
    internal HeaderTable WireArguments { get; }

    /// <summary>Whether the server counts a delivery as settled when it sends it.</summary>
    internal bool IsUnacknowledgedOnWire => Options.AutoAck && Queue == RabbitChannel.ReplyQueue;

    /// <summary>Whether a delivery is settled by reading it.</summary>
    internal bool SettlesByReading => Options.AutoAck && !IsUnacknowledgedOnWire;

    /// <summary>Its feed on the present wire.</summary>
    internal ConsumerFeed? Feed => _feed;

    /// <inheritdoc/>
    public async IAsyncEnumerable<Delivery> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _isReading, 1) != 0)
        {
            throw new InvalidOperationException($"Consumer '{ConsumerTag}' of queue '{Queue}' is being read already. A consumer has one reader; start another consumer for a second one.");
        }

        try
        {
            while (await _mailbox.WaitToTakeAsync(cancellationToken).ConfigureAwait(false))
            {
                while (_mailbox.TryTake(out Slot slot))
                {
                    if (slot.Link.IsDead || (SettlesByReading && !await RabbitChannel.TryAcknowledgeReadAsync(slot.Link, slot.WireTag).ConfigureAwait(false)))
                    {
                        continue;
                    }

                    yield return slot.Delivery;
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
        }
        finally
        {
            Volatile.Write(ref _isReading, 0);
        }

        if (_failure is { } failure)
        {
            throw failure;
        }
    }

    /// <inheritdoc/>
    public async ValueTask CancelAsync(CancellationToken cancellationToken = default)
    {
        Task cancelled;
        lock (_gate)
        {
            cancelled = _cancelled ??= CancelOnceAsync();
        }

        await cancelled.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await CancelAsync().ConfigureAwait(false);
        foreach (IGrouping<ChannelLink, Slot> unread in TakeUnread().GroupBy(static slot => slot.Link))
        {
            await RabbitChannel.ReturnUnreadAsync(unread.Key, [.. unread.Select(static slot => slot.WireTag)]).ConfigureAwait(false);
        }
    }

    /// <summary>Makes the feed of a wire, before the server is asked to send.</summary>
    /// <param name="link">The wire.</param>
    internal ConsumerFeed BeginFeed(ChannelLink link) => _feed = new ConsumerFeed(this, link);

    /// <summary>Notes the tag that the server agreed to.</summary>
    /// <param name="consumerTag">The tag.</param>
    internal void Started(string consumerTag) => _consumerTag = consumerTag;

    /// <summary>Hands a delivery over.</summary>
    /// <param name="link">The wire that it came on.</param>
    /// <param name="wireTag">Its tag there.</param>
    /// <param name="delivery">The delivery.</param>
    internal void Post(ChannelLink link, ulong wireTag, Delivery delivery) => _mailbox.TryPost(new Slot(link, wireTag, delivery));

    /// <summary>Ends it because the server cancelled it: its queue has gone.</summary>
    internal void QueueGone()
    {
        _channel.Forget(this);
        End(ConsumerEnd.QueueGone, null);
    }

    /// <summary>Tells the reader that nothing more will come. When the channel closed, what nobody has read went back with it.</summary>
    /// <param name="end">Why.</param>
    /// <param name="failure">What the reader's enumeration ends with; <see langword="null"/> for a quiet end.</param>
    internal void End(ConsumerEnd end, Exception? failure)
    {
        _failure ??= failure;
        _mailbox.Complete();
        _ended.TrySetResult(end);
    }

    private async Task CancelOnceAsync()
    {
        if (!_ended.Task.IsCompleted)
        {
            await _channel.CancelOnServerAsync(this).ConfigureAwait(false);
            End(ConsumerEnd.Cancelled, null);
        }
    }

    private List<Slot> TakeUnread()
    {
        List<Slot> unread = [];
        while (_mailbox.TryTake(out Slot slot))
        {
            unread.Add(slot);
        }

        return unread;
    }

    private readonly record struct Slot(ChannelLink Link, ulong WireTag, Delivery Delivery);
}
