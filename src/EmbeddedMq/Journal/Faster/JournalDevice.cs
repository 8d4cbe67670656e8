using System.Collections.Concurrent;
using FASTER.core;

namespace EmbeddedMq.Journal.Faster;

/// <summary>What FASTER takes for its disk: a list of the page writes that it wants, for the journal's thread to carry out.</summary>
/// <remarks>FASTER asks for a write on whichever thread made it necessary, at times within its epoch, where nobody may block. So it is
/// only noted here.</remarks>
/// <param name="path">A name for FASTER's messages.</param>
/// <param name="wake">Called after each request.</param>
internal sealed class JournalDevice(string path, Action wake) : StorageDeviceBase(path, SectorBytes, capacity: -1)
{
    /// <summary>The unit of writing. A disk's own unit is no larger, so that what has been written is never written again in part.</summary>
    public const int SectorBytes = 4096;

    private readonly ConcurrentQueue<WriteRequest> _requests = new();

    /// <summary>Takes the oldest request.</summary>
    /// <param name="request">The request.</param>
    public bool TryTake(out WriteRequest request) => _requests.TryDequeue(out request);

    /// <inheritdoc/>
    public override void WriteAsync(
        IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        _requests.Enqueue(new WriteRequest(sourceAddress, segmentId, (long)destinationAddress, (int)numBytesToWrite, callback, context));
        wake();
    }

    /// <inheritdoc/>
    public override void ReadAsync(
        int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
        => callback(uint.MaxValue, 0, context); // nothing is ever read through FASTER

    /// <inheritdoc/>
    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => callback(result);

    /// <inheritdoc/>
    public override void Dispose()
    {
        // The files are not this object's.
    }

    /// <summary>A write that FASTER wants.</summary>
    /// <param name="Source">The bytes, in a page that FASTER keeps until <paramref name="Callback"/> has been called.</param>
    /// <param name="Segment">The segment.</param>
    /// <param name="Offset">The position in the segment.</param>
    /// <param name="Length">The number of bytes.</param>
    /// <param name="Callback">To be called when they are written.</param>
    /// <param name="Context">FASTER's.</param>
    internal readonly record struct WriteRequest(IntPtr Source, int Segment, long Offset, int Length, DeviceIOCompletionCallback Callback, object Context);
}
