using System.Buffers;

namespace EmbeddedMq.Journal.Faster;

/// <summary>A moving view of a log's files: reads 1 MB ahead, and never across a page, as no record does.</summary>
/// <remarks>For one thread.</remarks>
/// <param name="files">The files.</param>
internal sealed class PageWindow(SegmentFiles files) : IDisposable
{
    private const int ReadAheadBytes = 1 << 20;

    private readonly LogIdentity _identity = files.Identity;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(Math.Min(ReadAheadBytes, files.Identity.Sizes.PageBytes));
    private long _start;
    private int _count;

    /// <summary>Some bytes from an address on.</summary>
    /// <param name="address">The address.</param>
    /// <param name="count">How many; not beyond the page.</param>
    /// <returns>Fewer if the file ends before; none if it is not there. Valid until the next call.</returns>
    public ReadOnlyMemory<byte> Get(long address, int count)
    {
        if (address < _start || address + count > _start + _count)
        {
            Fill(address, count);
        }

        int offset = (int)(address - _start);
        return _buffer.AsMemory(offset, Math.Min(count, Math.Max(0, _count - offset)));
    }

    /// <summary>All bytes from an address on that are here after <see cref="Get"/> of that address.</summary>
    /// <param name="address">The address.</param>
    public ReadOnlySpan<byte> Rest(long address) => _buffer.AsSpan((int)(address - _start), (int)(_start + _count - address));

    /// <inheritdoc/>
    public void Dispose()
    {
        byte[] buffer = _buffer;
        _buffer = [];
        _count = 0;
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Fill(long address, int count)
    {
        int wanted = (int)Math.Min(Math.Max(count, ReadAheadBytes), _identity.PageEndOf(address) - address);
        if (_buffer.Length < wanted)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = ArrayPool<byte>.Shared.Rent(wanted);
        }

        _start = address;
        _count = 0;
        long id = _identity.SegmentOf(address);
        _count = Math.Max(0, files.Read(id, address - _identity.BeginOf(id), _buffer.AsSpan(0, wanted)));
    }
}
