using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;
using Microsoft.Win32.SafeHandles;

namespace EmbeddedMq.LoadTests.Storage;

/// <summary>The limit: a loop that writes bytes and syncs them, with nothing around it.</summary>
internal static class RawFile
{
    private const int BlockBytes = 1 << 20;
    private const int RecycledBytes = 64 << 20;

    /// <summary>Appends batches to a new file, one sync each.</summary>
    internal static Outcome Append(string directory, int bodyBytes, int batch, TimeSpan duration, LatencyHistogram latencies)
    {
        string path = Path.Combine(directory, "raw");
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
            return Loop(file, long.MaxValue, bodyBytes, batch, duration, latencies);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Writes batches over a file that was written before, one sync each.</summary>
    internal static Outcome Overwrite(string directory, int bodyBytes, int batch, TimeSpan duration, LatencyHistogram latencies)
    {
        string path = Path.Combine(directory, "recycled");
        bool isNew = !File.Exists(path);
        using SafeFileHandle file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        if (isNew)
        {
            byte[] block = NewBytes(BlockBytes);
            for (long offset = 0; offset < RecycledBytes; offset += BlockBytes)
            {
                RandomAccess.Write(file, block, offset);
            }

            RandomAccess.FlushToDisk(file);
        }

        return Loop(file, RecycledBytes, bodyBytes, batch, duration, latencies);
    }

    /// <summary>Writes a large file in large blocks, and syncs it once.</summary>
    /// <returns>How many messages of a size would have been that many bytes.</returns>
    internal static Outcome WriteSequentially(string directory, long totalBytes, int bodyBytes)
    {
        string path = Path.Combine(directory, "sequential");
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
            byte[] block = NewBytes(BlockBytes);
            long start = Stopwatch.GetTimestamp();
            for (long offset = 0; offset < totalBytes; offset += BlockBytes)
            {
                RandomAccess.Write(file, block, offset);
            }

            RandomAccess.FlushToDisk(file);
            return new Outcome(totalBytes / bodyBytes, Stopwatch.GetElapsedTime(start));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Reads all files of a directory from begin to end.</summary>
    /// <returns>How many bytes there were, as messages of one byte.</returns>
    internal static Outcome ReadSequentially(string directory)
    {
        byte[] block = NewBytes(BlockBytes);
        long total = 0;
        long start = Stopwatch.GetTimestamp();
        foreach (string path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, FileOptions.SequentialScan);
            long offset = 0;
            while (RandomAccess.Read(file, block, offset) is > 0 and int read)
            {
                offset += read;
            }

            total += offset;
        }

        return new Outcome(total, Stopwatch.GetElapsedTime(start));
    }

    private static Outcome Loop(SafeFileHandle file, long endOfFile, int bodyBytes, int batch, TimeSpan duration, LatencyHistogram latencies)
    {
        byte[] bytes = NewBytes(bodyBytes * batch);
        long offset = 0;
        long messages = 0;
        long start = Stopwatch.GetTimestamp();
        long last = start;
        while (Stopwatch.GetElapsedTime(start, last) < duration)
        {
            RandomAccess.Write(file, bytes, offset);
            RandomAccess.FlushToDisk(file);
            offset += bytes.Length;
            offset = offset + bytes.Length > endOfFile ? 0 : offset;
            messages += batch;
            long now = Stopwatch.GetTimestamp();
            latencies.Record(now - last);
            last = now;
        }

        return new Outcome(messages, Stopwatch.GetElapsedTime(start, last));
    }

    // Not zeros, which some disks do not write.
    private static byte[] NewBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
