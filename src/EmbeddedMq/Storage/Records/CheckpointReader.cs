namespace EmbeddedMq.Storage.Records;

/// <summary>Collects the items of the checkpoint that was complete last, from its records in the order of the log.</summary>
/// <param name="texts">Gives one object for equal texts.</param>
/// <remarks>Not thread-safe. One that is not complete, for its end or a record is missing, is passed over; the next one starts anew.</remarks>
internal sealed class CheckpointReader(StringCache? texts = null)
{
    private List<TopologyItem> _items = [];
    private ulong _checkpointId;
    private uint _recordCount;
    private bool _isWhole = true;

    /// <summary>Takes the body of a <see cref="RecordKind.Checkpoint"/>; layout: <see cref="CheckpointWriter"/>.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal void Add(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != CheckpointWriter.Version)
        {
            reader.Fail("a checkpoint is of an unknown format");
        }

        ulong checkpointId = reader.Varint();
        uint number = reader.VarUInt32("the number of a record");
        if (number == 0)
        {
            Restart(checkpointId);
        }

        _isWhole &= checkpointId == _checkpointId && number == _recordCount;
        foreach (TopologyItem item in TopologyReader.From(reader, texts))
        {
            if (_isWhole)
            {
                _items.Add(item);
            }
        }

        _recordCount++;
    }

    /// <summary>Takes the body of a <see cref="RecordKind.CheckpointEnd"/>.</summary>
    /// <param name="record">The body of the record.</param>
    /// <returns>All items, if the checkpoint is complete; otherwise <see langword="null"/>.</returns>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal IReadOnlyList<TopologyItem>? End(ReadOnlySpan<byte> record)
    {
        CheckpointEnd end = CheckpointEnd.Read(record);
        bool isEmpty = end is { RecordCount: 0, ItemCount: 0 };
        if (isEmpty)
        {
            Restart(end.CheckpointId);
        }

        List<TopologyItem> items = _items;
        bool isComplete = _isWhole && end == new CheckpointEnd(_checkpointId, _recordCount, (ulong)items.Count);
        Restart(checkpointId: 0);
        _isWhole = false; // until a first record
        return isComplete ? items : null;
    }

    /// <summary>The items of one record of a checkpoint, whatever has become of the others.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static List<TopologyItem> ReadItems(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != CheckpointWriter.Version)
        {
            reader.Fail("a checkpoint is of an unknown format");
        }

        reader.Varint();
        reader.VarUInt32("the number of a record");
        List<TopologyItem> items = [];
        foreach (TopologyItem item in TopologyReader.From(reader, null))
        {
            items.Add(item);
        }

        return items;
    }

    private void Restart(ulong checkpointId)
    {
        _items = [];
        _checkpointId = checkpointId;
        _recordCount = 0;
        _isWhole = true;
    }
}
