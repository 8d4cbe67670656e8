using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>The body of <see cref="RecordKind.Topology"/>: changes that hold all together or not at all.</summary>
/// <remarks>Layout: a byte for the format, 1; items to the end, see <see cref="TopologyCodec"/>; at least one.</remarks>
internal readonly struct TopologyBody : IRecordBody
{
    /// <summary>The version of the layout.</summary>
    internal const byte Version = 1;

    private readonly RecordBuffer _buffer = new();

    /// <summary>Makes the body.</summary>
    /// <param name="items">The changes, in order; at least one.</param>
    /// <exception cref="ArgumentException">Arguments are nested too deep to be stored.</exception>
    internal TopologyBody(params ReadOnlySpan<TopologyItem> items)
    {
        ArgumentOutOfRangeException.ThrowIfZero(items.Length, nameof(items));
        _buffer.Byte(Version);
        foreach (TopologyItem item in items)
        {
            TopologyCodec.Write(_buffer, item);
        }
    }

    /// <inheritdoc/>
    public int GetLength() => _buffer.Length;

    /// <inheritdoc/>
    public void Write(Span<byte> destination) => _buffer.Span.CopyTo(destination);
}
