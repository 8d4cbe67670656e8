namespace EmbeddedMq.Storage.Records;

/// <summary>Reads topology items one after the other: those of <see cref="RecordKind.Topology"/>, or of a part of a checkpoint.</summary>
internal ref struct TopologyReader
{
    private readonly StringCache? _texts;
    private ByteReader _reader;

    /// <summary>Reads the body of <see cref="RecordKind.Topology"/>; layout: <see cref="TopologyBody"/>.</summary>
    /// <param name="record">The body of the record.</param>
    /// <param name="texts">Gives one object for equal texts.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal TopologyReader(ReadOnlySpan<byte> record, StringCache? texts = null)
        : this(AfterVersion(record), texts)
    {
    }

    private TopologyReader(ByteReader reader, StringCache? texts)
    {
        if (reader.IsAtEnd)
        {
            reader.Fail("there is no topology item");
        }

        _reader = reader;
        _texts = texts;
        Current = null!;
    }

    /// <summary>The item that was read last.</summary>
    public TopologyItem Current { get; private set; }

    /// <summary>Reads on from where a reader stands.</summary>
    internal static TopologyReader From(ByteReader reader, StringCache? texts) => new(reader, texts);

    /// <summary>Starts reading.</summary>
    public readonly TopologyReader GetEnumerator() => this;

    /// <summary>Reads the next item.</summary>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="RecordFormatException">What follows is none.</exception>
    public bool MoveNext()
    {
        if (_reader.IsAtEnd)
        {
            return false;
        }

        Current = TopologyCodec.Read(ref _reader, _texts);
        return true;
    }

    private static ByteReader AfterVersion(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != TopologyBody.Version)
        {
            reader.Fail("topology is of an unknown format");
        }

        return reader;
    }
}
