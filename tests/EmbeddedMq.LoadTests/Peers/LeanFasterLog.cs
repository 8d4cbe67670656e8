using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Storage;
using FASTER.core;
using Microsoft.Win32.SafeHandles;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>FasterLog with the least around it: one file, written and synced by whoever commits, and no file of metadata for each commit.</summary>
/// <remarks>What it can do at best, and no store: nothing says afterwards what was committed.</remarks>
internal static class LeanFasterLog
{
    internal static async Task<Outcome> AppendAsync(string directory, int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        string path = Path.Combine(directory, "leanlog");
        try
        {
            using Device device = new(path);
            using FasterLogSettings settings = new() { LogDevice = device, LogCommitManager = new NoCommits() };
            using FasterLog log = new(settings);
            return await DefaultFasterLog.AppendAsync(log, bodyBytes, window, duration, latencies);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private sealed class Device(string path) : StorageDeviceBase(path, 4_096, capacity: -1)
    {
        private readonly SafeFileHandle _file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);

        public override unsafe void WriteAsync(
            IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
        {
            RandomAccess.Write(_file, new ReadOnlySpan<byte>((void*)sourceAddress, (int)numBytesToWrite), ((long)segmentId << 30) + (long)destinationAddress);
            RandomAccess.FlushToDisk(_file);
            callback(0, numBytesToWrite, context);
        }

        public override void ReadAsync(
            int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
            => throw new NotSupportedException("Nothing is read.");

        public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => callback(result);

        public override void Dispose() => _file.Dispose();
    }

    private sealed class NoCommits : ILogCommitManager
    {
        public void Commit(long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata)
        {
            // The device has synced.
        }

        public byte[]? GetCommitMetadata(long commitNum) => null;

        public IEnumerable<long> ListCommits() => [];

        public void RemoveCommit(long commitNum)
        {
            // There is none.
        }

        public void RemoveAllCommits()
        {
            // There is none.
        }

        public void OnRecovery(long commitNum)
        {
            // Nothing is recovered.
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
