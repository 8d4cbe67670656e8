using System.Text;
using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Appends blocks to the cold log, one after the other.</summary>
/// <remarks>For one thread. A body that would make the block too long for a record goes before it, in pieces.</remarks>
/// <param name="journal">The journal.</param>
internal sealed class BlockAppender(IJournal journal)
{
    // What a message has beside texts, properties and body: flags, lengths, id, expiry, its place in the table.
    private const int MostFactBytes = 64;
    private const int MostAddressBytes = 9;

    private readonly IAppendLog _log = journal.Cold;
    private readonly QueueBlockBuilder _builder = new(0, 0);
    private uint _queueId;
    private byte _level;
    private ulong[]? _transient;
    private long _firstPiece;

    /// <summary>How many messages the block has.</summary>
    internal int Count => _builder.Count;

    /// <summary>How long the block's record is so far, in bytes.</summary>
    internal int Length => _builder.GetLength();

    /// <summary>Begins a block.</summary>
    /// <param name="queueId">The queue's id in the store.</param>
    /// <param name="level">The priority level in the queue.</param>
    internal void Begin(uint queueId, byte level)
    {
        (_queueId, _level, _transient, _firstPiece) = (queueId, level, null, long.MaxValue);
        _builder.Restart(queueId, level);
    }

    /// <summary>How long a block should get at most: what is left of it is written again one day, and may then be a little longer.</summary>
    internal int MostUsualBytes => _log.MaxRecordBytes - (_log.MaxRecordBytes / 4);

    /// <summary>How many bytes a message adds to a block at most, its body included.</summary>
    /// <param name="message">The message.</param>
    internal int MostLengthOf(in StoredMessage message)
    {
        int pieceBytes = BodyPieces.MaxBytes(_log);
        int bodyBytes = message.Message.Body.Length;
        return MostFactBytes
            + Encoding.UTF8.GetMaxByteCount(message.Exchange.Length + message.RoutingKey.Length)
            + PropertiesCodec.GetLength(message.Message.Properties)
            + (bodyBytes <= pieceBytes ? bodyBytes : (bodyBytes / pieceBytes * MostAddressBytes) + MostFactBytes);
    }

    /// <summary>Adds a message behind the others.</summary>
    /// <param name="entry">What its queue knows of it.</param>
    /// <param name="message">The message.</param>
    /// <param name="mostBytes">How long the block may get, unless this is its first message.</param>
    /// <returns><see langword="false"/> when it does not fit behind the others.</returns>
    /// <exception cref="JournalException">A piece of its body cannot be appended.</exception>
    internal bool TryAdd(in BlockEntry entry, in StoredMessage message, int mostBytes)
    {
        if (_builder.IsFull || (Count > 0 && Length + MostLengthOf(message) > Math.Min(mostBytes, _log.MaxRecordBytes)))
        {
            return false;
        }

        if (entry.IsTransient)
        {
            _transient ??= new ulong[StoredBlock.MaxCount / 64];
            _transient[Count / 64] |= 1UL << (Count % 64);
        }

        ReadOnlyMemory<byte> body = message.Message.Body;
        StoredBody stored = body.Length <= BodyPieces.MaxBytes(_log) ? StoredBody.Inline(body) : AppendPieces(body);
        _builder.Add(entry, message.Exchange, message.RoutingKey, message.Message.Properties, stored);
        return true;
    }

    /// <summary>Appends the block.</summary>
    /// <param name="isTransient">Whether it is of no use after a restart.</param>
    /// <exception cref="JournalException">It cannot be appended.</exception>
    internal ColdBlock Append(bool isTransient)
    {
        long address = _log.Append((byte)RecordKind.QueueBlock, _builder);
        ThrowIfNone(address);
        BlockDescriptor descriptor = _builder.Describe(address);
        descriptor = descriptor with { Length = Math.Max(descriptor.Length, address - _firstPiece) };
        StoredBlock block = new(_queueId, _level, address, descriptor.Length, descriptor.Count, descriptor.BodyBytes) { IsTransient = isTransient };
        return new ColdBlock(block, descriptor, _transient?[..((Count + 63) / 64)]);
    }

    private StoredBody AppendPieces(ReadOnlyMemory<byte> body)
    {
        StoredBody pieces = BodyPieces.Append(_log, body);
        foreach (long address in pieces.ChunkAddresses.Span)
        {
            ThrowIfNone(address);
            _firstPiece = Math.Min(_firstPiece, address);
        }

        return pieces;
    }

    private void ThrowIfNone(long address)
    {
        if (address == JournalAddress.None)
        {
            throw journal.Failure ?? MqErrors.StorageNotOpen();
        }
    }
}
