using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Moves messages of queues from the journal into blocks of the cold log.</summary>
/// <remarks>For one thread, which waits for the disk. A block is written before the journal's claims on its messages are given up, and both are
/// synced before a checkpoint tells of the block; until then the messages are settled in both places (<see cref="StoredBlock.JournalIds"/>).</remarks>
/// <param name="services">What the broker's parts share.</param>
internal sealed class BlockWriter(BrokerServices services) : IEvacuationTarget
{
    private const int ChunkBytes = 1 << 20;

    private readonly MessageStore _store = services.Store;
    private readonly StoredMessageReader _reader = new(services.Store.Journal);
    private readonly QueueBlockBuilder _builder = new(0, 0);
    private Queue _queue = null!; // whose turn it is
    private CancellationToken _cancellationToken;
    private ulong[]? _transient;
    private BlockDescriptor _descriptor;

    private IAppendLog Cold => _store.Journal.Cold;

    /// <summary>Moves what a queue has in the journal.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="below">Messages with ids below this move.</param>
    /// <param name="cancellationToken">Stops it between two blocks; what has moved has moved.</param>
    /// <exception cref="JournalException">A message cannot be read, or a block not be written.</exception>
    internal void Evacuate(Queue queue, ulong below, CancellationToken cancellationToken)
    {
        _queue = queue;
        _cancellationToken = cancellationToken;
        queue.Evacuate(below, this);
    }

    /// <inheritdoc/>
    public StoredBlock Write(Evacuation evacuation)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        uint queueId = _queue.Stored?.Id ?? 0;
        _builder.Restart(queueId, evacuation.Level);
        _transient = null;
        long firstChunk = long.MaxValue;
        ulong[] ids = new ulong[evacuation.Count];
        if (evacuation.Resident.IsEmpty)
        {
            AddAway(evacuation, queueId, ref firstChunk);
        }
        else
        {
            AddResident(evacuation, ref firstChunk);
        }

        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = evacuation.StoredAt(i);
        }

        long address = Append(RecordKind.QueueBlock, _builder);
        WrittenSignal written = new();
        Cold.WhenCommitted(written);
        written.Wait();
        _descriptor = _builder.Describe(address);
        _descriptor = _descriptor with { Length = (int)Math.Min(int.MaxValue, Math.Max(_descriptor.Length, address - firstChunk)) };
        return new StoredBlock(queueId, evacuation.Level, address, _descriptor.Length, _descriptor.Count, _descriptor.BodyBytes)
        {
            IsTransient = _queue.Stored is null,
            JournalIds = ids,
        };
    }

    /// <inheritdoc/>
    public void Complete(Evacuation evacuation, StoredBlock block)
    {
        ulong[] journalIds = block.JournalIds!;
        for (int i = 0; i < evacuation.Count; i++)
        {
            if (!evacuation.IsMoved(i))
            {
                journalIds[i] = 0; // it stays where it is, and may well be alive there
            }
        }

        _store.Blocks.Add(block, _descriptor, _transient);
        for (int i = 0; i < evacuation.Count; i++)
        {
            if (evacuation.IsMoved(i))
            {
                _store.Release(evacuation.StoredAt(i));
            }
        }
    }

    /// <inheritdoc/>
    public void Abandon(StoredBlock block)
    {
        // No checkpoint tells of it, and it has no claim on its segment.
    }

    private void AddAway(Evacuation evacuation, uint queueId, ref long firstChunk)
    {
        StoredId[] ids = new StoredId[evacuation.Count];
        long bodyBytes = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = new StoredId(evacuation.Away[i].StoredAt);
            bodyBytes += evacuation.Away[i].BodyBytes;
        }

        List<ReadMessage> messages = new(ids.Length);
        _reader.Read(ids, bodyBytes, queueId, messages);
        for (int i = 0; i < ids.Length; i++)
        {
            AwayEntry away = evacuation.Away[i];
            bool isTransient = (away.Flags & AwayFlags.Transient) != 0;
            BlockEntry entry = new(
                ids[i], messages[i].ExpiresUtcMs ?? BlockEntry.NoExpiry, StoredBacklog.FailedDeliveries(away), (away.Flags & AwayFlags.Redelivered) != 0, isTransient);
            Add(i, ids.Length, entry, messages[i].Message.Exchange, messages[i].Message.RoutingKey, messages[i].Message.Message, ref firstChunk);
        }
    }

    private void AddResident(Evacuation evacuation, ref long firstChunk)
    {
        long toUtcMs = services.Clock.UtcNow.ToUnixTimeMilliseconds() - services.Clock.NowMs;
        for (int i = 0; i < evacuation.Count; i++)
        {
            QueueEntry resident = evacuation.Resident[i];
            BlockEntry entry = new(
                new StoredId(resident.StoredAt),
                resident.ExpiresAtMs == QueueEntry.NoExpiry ? BlockEntry.NoExpiry : resident.ExpiresAtMs + toUtcMs,
                resident.FailedDeliveries,
                resident.Redelivered,
                !resident.Message.Properties.IsPersistent);
            Add(i, evacuation.Count, entry, resident.Exchange, resident.RoutingKey, resident.Message, ref firstChunk);
        }
    }

    private void Add(int index, int count, in BlockEntry entry, string exchange, string routingKey, Message message, ref long firstChunk)
    {
        if (entry.IsTransient)
        {
            _transient ??= new ulong[(count + 63) / 64];
            _transient[index / 64] |= 1UL << (index % 64);
        }

        bool fits = message.Body.Length <= ChunkBytes && _builder.GetLength() + message.Body.Length + ChunkBytes <= Cold.MaxRecordBytes;
        StoredBody body = fits ? StoredBody.Inline(message.Body) : AppendChunks(message.Body, ref firstChunk);
        _builder.Add(entry, exchange, routingKey, message.Properties, body);
    }

    private StoredBody AppendChunks(ReadOnlyMemory<byte> body, ref long firstChunk)
    {
        int chunkBytes = Math.Min(ChunkBytes, Cold.MaxRecordBytes / 2);
        List<long> addresses = [];
        for (int offset = 0; offset < body.Length; offset += chunkBytes)
        {
            ReadOnlySpan<byte> piece = body.Span.Slice(offset, Math.Min(chunkBytes, body.Length - offset));
            addresses.Add(Append(RecordKind.BodyChunk, new BodyChunk(addresses.Count, body.Length, piece)));
            firstChunk = Math.Min(firstChunk, addresses[^1]);
        }

        return addresses.Count == 0 ? StoredBody.Inline(body) : StoredBody.Chunked(body.Length, addresses.ToArray());
    }

    private long Append<T>(RecordKind kind, in T body)
        where T : IRecordBody, allows ref struct
    {
        long address = Cold.Append((byte)kind, body);
        return address != JournalAddress.None ? address : throw _store.Journal.Failure ?? MqErrors.StorageNotOpen();
    }
}
