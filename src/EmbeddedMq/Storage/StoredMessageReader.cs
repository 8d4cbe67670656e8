using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Reads messages back from the logs.</summary>
/// <remarks>For one thread. It waits for the disk.</remarks>
/// <param name="journal">The journal.</param>
internal sealed class StoredMessageReader(IJournal journal)
{
    // Messages that lie as close as this on average are read in one sweep over what lies between; farther ones one by one.
    private const int SweepFactor = 4;
    private const int SweepBytesPerMessage = 1_024;

    // The end of one sweep and the begin of the next may be as far apart: less than is read ahead.
    private const int MostPassedOver = 64 * 1_024;

    private readonly StringCache _texts = new();
    private (StoredBlock? Holder, StoredRecord Record) _shared;

    // The sweep that ended last. A queue that is drained goes on where it stopped: what was read ahead is not read again.
    private IRecordReader? _sweep;
    private long _sweepNext;  // where it goes on
    private long _sweepUntil; // where it ends

    /// <summary>Reads messages of the hot log.</summary>
    /// <param name="ids">Their ids.</param>
    /// <param name="bodyBytes">Bytes of their bodies.</param>
    /// <param name="queueId">The queue that holds them.</param>
    /// <param name="into">Takes them, in the same order.</param>
    /// <exception cref="JournalException">One is damaged, or is not there.</exception>
    internal void Read(ReadOnlySpan<StoredId> ids, long bodyBytes, uint queueId, List<ReadMessage> into)
    {
        if (!CanSweep(ids, bodyBytes))
        {
            foreach (StoredId id in ids)
            {
                into.Add(Read(id, queueId));
            }

            return;
        }

        IRecordReader reader = TakeSweep(ids[0].Address, ids[^1].Address);
        int next = 0;
        try
        {
            while (next < ids.Length && reader.TryRead(out RecordView record))
            {
                _sweepNext = record.NextAddress;
                while (next < ids.Length && ids[next].Address == record.Address)
                {
                    into.Add(Decode(record.Body.Span, record.Kind, record.Timestamp, ids[next++], queueId));
                }
            }
        }
        catch
        {
            reader.Dispose();
            throw;
        }

        if (next == ids.Length)
        {
            _sweep = reader;
            return;
        }

        reader.Dispose();
        foreach (StoredId id in ids[next..])
        {
            into.Add(Read(id, queueId)); // which says what is wrong with it
        }
    }

    /// <summary>Reads one message of the hot log.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="queueId">The queue that holds it.</param>
    /// <exception cref="JournalException">It is damaged, or is not there.</exception>
    internal ReadMessage Read(StoredId id, uint queueId)
    {
        StoredRecord record = journal.Hot.Read(id.Address);
        return Decode(record.Body.Span, record.Kind, record.Timestamp, id, queueId);
    }

    /// <summary>Reads messages of a block, wherever they are by now.</summary>
    /// <param name="block">The block.</param>
    /// <param name="start">The index of the first.</param>
    /// <param name="end">The index after the last.</param>
    /// <param name="into">Takes those that the block does not call settled, with their indexes.</param>
    /// <exception cref="JournalException">The block is damaged, or is not there.</exception>
    internal void Read(StoredBlock block, int start, int end, List<ReadBlockMessage> into)
    {
        int index = start;
        while (index < end)
        {
            if (!block.IsSettled(index) && block.TryFind(index, out StoredBlock holder, out _))
            {
                index = ReadHeldBy(holder, block, index, end, into);
            }
            else
            {
                index++;
            }
        }
    }

    // As many as the holder has; gives the index after them.
    private int ReadHeldBy(StoredBlock holder, StoredBlock block, int start, int end, List<ReadBlockMessage> into)
    {
        int index = start;
        try
        {
            QueueBlockReader reader = new(ReadRecord(holder, isShared: holder != block).Body.Span);
            for (; index < end; index++)
            {
                if (block.IsSettled(index) || !block.TryFind(index, out StoredBlock current, out int place))
                {
                    continue;
                }

                if (current != holder)
                {
                    break;
                }

                BlockMessageView view = reader[place];
                StoredMessage message = view.IsChunked
                    ? view.ToMessage(_texts, ReadChunks(journal.Cold, view.Chunks, view.BodyLength))
                    : view.ToMessage(_texts);
                into.Add(new ReadBlockMessage(index, message, view.Entry));
            }
        }
        catch (JournalException) when (holder.Move is not null)
        {
            // It has moved beside this, and its place was released: the rest is read where it is now.
        }
        catch (RecordFormatException error)
        {
            throw MqErrors.RecordNotUnderstood(holder.Address, (byte)RecordKind.QueueBlock, error);
        }

        return index;
    }

    // A block that took up what was left of many is wanted once for each of them.
    private StoredRecord ReadRecord(StoredBlock holder, bool isShared)
    {
        if (_shared.Holder == holder)
        {
            return _shared.Record;
        }

        StoredRecord record = journal.Cold.Read(holder.Address);
        _shared = isShared ? (holder, record) : default;
        return record;
    }

    private IRecordReader TakeSweep(long first, long last)
    {
        IRecordReader? sweep = _sweep;
        _sweep = null;
        if (sweep is not null && first >= _sweepNext && first - _sweepNext <= MostPassedOver && last < _sweepUntil)
        {
            return sweep;
        }

        sweep?.Dispose();
        _sweepUntil = journal.Hot.WrittenUntil;
        return journal.Hot.ReadForward(first, _sweepUntil);
    }

    private static bool CanSweep(ReadOnlySpan<StoredId> ids, long bodyBytes)
    {
        for (int i = 1; i < ids.Length; i++)
        {
            if (ids[i].CompareTo(ids[i - 1]) < 0)
            {
                return false;
            }
        }

        return ids.Length > 1
            && ids[^1].Address - ids[0].Address <= (bodyBytes + (ids.Length * (long)SweepBytesPerMessage)) * SweepFactor;
    }

    private ReadMessage Decode(ReadOnlySpan<byte> record, byte kind, long timestamp, StoredId id, uint queueId)
    {
        try
        {
            MessageView view = new BatchReader(record).Messages[id.Index];
            long ttlMs = QueueRef.NoTtl;
            foreach (QueueRef queue in view.Refs)
            {
                ttlMs = queue.QueueId == queueId ? queue.TtlMs : ttlMs;
            }

            StoredMessage message = view.IsChunked ? view.ToMessage(_texts, ReadChunks(journal.Hot, view.Chunks, view.BodyLength)) : view.ToMessage(_texts);
            return new ReadMessage(message, timestamp, ttlMs == QueueRef.NoTtl ? null : timestamp + ttlMs);
        }
        catch (RecordFormatException error)
        {
            throw MqErrors.RecordNotUnderstood(id.Address, kind, error);
        }
    }

    private static byte[] ReadChunks(IAppendLog log, ChunkList chunks, int length)
    {
        byte[] body = new byte[length];
        int filled = 0;
        foreach (long address in chunks)
        {
            ReadOnlyMemory<byte> record = log.Read(address).Body;
            ReadOnlySpan<byte> piece = BodyChunk.Read(record.Span).Bytes;
            if (piece.Length > length - filled)
            {
                RecordFormatException.Throw($"the pieces of a body of {length} bytes are longer than that", 0, length);
            }

            piece.CopyTo(body.AsSpan(filled));
            filled += piece.Length;
        }

        if (filled != length)
        {
            RecordFormatException.Throw($"the pieces of a body of {length} bytes are shorter than that", filled, length);
        }

        return body;
    }
}
