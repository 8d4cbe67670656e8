namespace EmbeddedMq.Storage.Records;

/// <summary>Packs the items of a checkpoint into records of at most <see cref="MaxRecordBytes"/>.</summary>
/// <param name="checkpointId">Tells its records from those of other checkpoints.</param>
/// <param name="longestOfLog">How long the log's records may be, where that is less.</param>
/// <remarks>
/// <para>Not thread-safe. Add all items; append each record that comes out, then the last one, then <see cref="End"/>. Other records may come
/// in between.</para>
/// <para>Layout of <see cref="RecordKind.Checkpoint"/>: a byte for the format, 1; varint checkpoint id; varint number of the record, from 0;
/// items to the end, see <see cref="TopologyCodec"/>; at least one.</para>
/// </remarks>
internal sealed class CheckpointWriter(ulong checkpointId, int longestOfLog = int.MaxValue)
{
    /// <summary>The version of the layout.</summary>
    internal const byte Version = 1;

    /// <summary>1 MiB. A record is longer only if it holds a single item that is.</summary>
    internal const int MaxRecordBytes = 1 << 20;

    private readonly int _maxBytes = Math.Min(MaxRecordBytes, longestOfLog);
    private readonly RecordBuffer _buffer = new();
    private uint _recordCount;
    private ulong _itemCount;
    private bool _isEnded;

    /// <summary>Adds an item.</summary>
    /// <param name="item">The item.</param>
    /// <returns>The body of a record that is full and must be appended now; the item is in the next one. Usually <see langword="null"/>.</returns>
    /// <exception cref="ArgumentException">Its arguments are nested too deep to be stored.</exception>
    internal byte[]? Add(TopologyItem item)
    {
        AssertNotEnded();
        if (_buffer.Length == 0)
        {
            WriteHead();
        }

        int begin = _buffer.Length;
        TopologyCodec.Write(_buffer, item);
        _itemCount++;
        if (_buffer.Length <= _maxBytes || begin == HeadLength())
        {
            return null;
        }

        byte[] full = _buffer.Span[..begin].ToArray();
        byte[] last = _buffer.Span[begin..].ToArray();
        _buffer.Truncate(0);
        _recordCount++;
        WriteHead();
        _buffer.Bytes(last);
        return full;
    }

    /// <summary>Ends it.</summary>
    /// <param name="end">The body of <see cref="RecordKind.CheckpointEnd"/>, to be appended after all others.</param>
    /// <returns>The body of the last record, to be appended before; <see langword="null"/> if there were no items.</returns>
    internal byte[]? End(out CheckpointEnd end)
    {
        AssertNotEnded();
        _isEnded = true;
        byte[]? last = _buffer.Length == 0 ? null : _buffer.ToArray();
        end = new CheckpointEnd(checkpointId, last is null ? 0 : _recordCount + 1, _itemCount);
        return last;
    }

    private void AssertNotEnded()
    {
        if (_isEnded)
        {
            throw new InvalidOperationException($"The checkpoint {checkpointId} has ended already. This is a defect of the broker.");
        }
    }

    private int HeadLength() => 1 + Encoded.VarintLength(checkpointId) + Encoded.VarintLength(_recordCount);

    private void WriteHead()
    {
        _buffer.Byte(Version);
        _buffer.Varint(checkpointId);
        _buffer.Varint(_recordCount);
    }
}
