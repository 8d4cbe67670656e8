using EmbeddedMq.Journal;

namespace EmbeddedMq.TestSupport.Journal;

/// <content>What it knows of a file, and what programs hold of it.</content>
internal sealed partial class FaultyFiles
{
    private sealed class Inode
    {
        private const int BlockBytes = 512;

        public byte[] Seen { get; set; } = [];

        public byte[] OnDisk { get; set; } = [];

        public HashSet<int> Dirty { get; } = [];

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            if (offset + bytes.Length > Seen.Length)
            {
                SetLength((int)(offset + bytes.Length));
            }

            bytes.CopyTo(Seen.AsSpan((int)offset));
            for (long block = offset / BlockBytes; block * BlockBytes < offset + bytes.Length; block++)
            {
                Dirty.Add((int)block);
            }
        }

        public void SetLength(int length)
        {
            byte[] seen = Seen;
            Array.Resize(ref seen, length);
            Seen = seen;
        }

        public void Sync()
        {
            GrowDisk();
            foreach (int block in Dirty)
            {
                CarryOver(block);
            }

            Dirty.Clear();
        }

        /// <summary>The next sync will not try again what this one has failed at.</summary>
        public void Lose(bool isForgotten)
        {
            foreach (int block in isForgotten ? Dirty : [])
            {
                int start = block * BlockBytes;
                Seen.AsSpan(start, Math.Min(BlockBytes, Seen.Length - start)).Clear();
                if (OnDisk.Length > start)
                {
                    OnDisk.AsSpan(start, Math.Min(BlockBytes, OnDisk.Length - start)).CopyTo(Seen.AsSpan(start));
                }
            }

            Dirty.Clear();
        }

        public void CutPower(Random random, double share)
        {
            if (random.NextDouble() < share)
            {
                GrowDisk();
            }

            foreach (int block in Dirty.Order())
            {
                if (block * BlockBytes < OnDisk.Length && random.NextDouble() < share)
                {
                    CarryOver(block);
                }
            }

            Dirty.Clear();
            Seen = [.. OnDisk];
        }

        private void GrowDisk()
        {
            byte[] disk = OnDisk;
            Array.Resize(ref disk, Seen.Length);
            OnDisk = disk;
        }

        private void CarryOver(int block)
        {
            int start = block * BlockBytes;
            int count = Math.Min(BlockBytes, OnDisk.Length - start);
            Seen.AsSpan(start, count).CopyTo(OnDisk.AsSpan(start));
        }
    }

    private sealed class Unlock(FaultyFiles files, string path, int generation) : IDisposable
    {
        public void Dispose()
        {
            lock (files._gate)
            {
                if (files._generation == generation)
                {
                    files._locks.Remove(path);
                }
            }
        }
    }

    private sealed class Handle(FaultyFiles files, Inode inode, string path, int generation) : IJournalFile
    {
        private readonly int _opened = NoteOpened(files, generation);
        private int _isDisposed;

        public long Length
        {
            get
            {
                lock (files._gate)
                {
                    Check();
                    return inode.Seen.Length;
                }
            }
        }

        public int Read(Span<byte> buffer, long offset)
        {
            lock (files._gate)
            {
                Check();
                files.Operation("read", path);
                int count = (int)Math.Clamp(inode.Seen.Length - offset, 0, buffer.Length);
                inode.Seen.AsSpan((int)Math.Min(offset, inode.Seen.Length), count).CopyTo(buffer);
                return count;
            }
        }

        public void Write(ReadOnlySpan<byte> buffer, long offset, bool isSyncedNext)
        {
            files.BeforeWrite(path);
            lock (files._gate)
            {
                Check();
                if (files.Operation($"write {buffer.Length} at {offset} of", path, canBeShort: true))
                {
                    inode.Write(buffer[..(buffer.Length / 2)], offset);
                    throw new IOException($"Input/output error : '{path}'", IoError);
                }

                inode.Write(buffer, offset);
            }
        }

        public void Allocate(long length)
        {
            lock (files._gate)
            {
                Check();
                files.Operation("allocate", path);
                if (files.UsedBytes() - inode.Seen.Length + length > files.Capacity)
                {
                    throw new IOException($"No space left on device : '{path}'", DiskFull);
                }

                inode.SetLength((int)length);
            }
        }

        public void SyncData()
        {
            lock (files._gate)
            {
                Check();
                try
                {
                    files.Operation("sync", path);
                    inode.Sync();
                }
                catch (IOException)
                {
                    inode.Lose(files.ForgetsWhatFailed);
                    throw;
                }
            }
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            {
                files.NoteOpened(-1, _opened);
            }
        }

        private static int NoteOpened(FaultyFiles files, int generation)
        {
            files.NoteOpened(1, generation);
            return generation;
        }

        private void Check()
        {
            ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
            if (_opened != files._generation)
            {
                throw new IOException("The process that opened this has ended.", IoError);
            }
        }
    }
}
