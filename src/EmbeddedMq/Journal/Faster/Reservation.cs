using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;

namespace EmbeddedMq.Journal.Faster;

/// <summary>An entry for FASTER that writes nothing and remembers where FASTER has made room for it.</summary>
/// <remarks>A record's checksum covers its address, which FASTER tells only afterwards; so the record is written into the room then. That is
/// sound because whoever appends holds the log's gate, and FASTER is asked to write or to give up pages under that gate only. The pages are
/// pinned.</remarks>
/// <param name="room">Where to remember it.</param>
/// <param name="length">The bytes needed.</param>
internal readonly unsafe struct Reservation(Reservation.Room room, int length) : ILogEnqueueEntry
{
    /// <inheritdoc/>
    public int SerializedLength => length;

    /// <inheritdoc/>
    public void SerializeTo(Span<byte> dest) => room.Set((byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(dest)), dest.Length);

    /// <summary>Room in a page of FASTER's.</summary>
    internal sealed class Room
    {
        private byte* _start;
        private int _length;

        /// <summary>The room, until the gate is left.</summary>
        public Span<byte> Bytes => new(_start, _length);

        /// <summary>Remembers it.</summary>
        public void Set(byte* start, int length)
        {
            _start = start;
            _length = length;
        }
    }
}
