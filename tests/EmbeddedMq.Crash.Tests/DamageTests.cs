using System.Globalization;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Damage to any file is found, named, and never delivered; salvage keeps the rest.</summary>
public sealed class DamageTests
{
    private const string Store = "/store";
    private const string Manifest = "/store/MANIFEST";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Open_AnyByteFlipped_RefusesOrLosesNothing(bool cleanStop)
    {
        int seed = Seeds.Pick(77);
        Random random = new(seed);
        Sample sample = await Sample.MakeAsync(cleanStop);
        int refused = 0;
        foreach ((string path, int position) in Positions(sample.Files, random))
        {
            FaultyFiles files = sample.Files.Copy(seed);
            byte mask = (byte)(1 << random.Next(8));
            files.Poke(path, bytes =>
            {
                bytes[position] ^= mask;
                return bytes;
            });
            string flip = string.Create(CultureInfo.InvariantCulture, $"{path} at {position} with {mask}, seed {seed}");
            try
            {
                await using FasterJournal journal = await SmallStore.OpenAsync(files, Store);
                sample.AssertComplete(journal, mayLoseTail: !cleanStop, flip);
            }
            catch (JournalException error)
            {
                refused++;
                Assert.Contains("/store/", error.Message, StringComparison.Ordinal);
                await sample.AssertSalvagedAsync(sample.Files.Copy(seed), path, position, mask, flip);
            }
        }

        Assert.True(refused > 100, $"Only {refused} flips were refused.");
    }

    [Fact]
    public async Task Open_SegmentMissing_RefusesNamingIt()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        foreach (string path in sample.SegmentPaths)
        {
            FaultyFiles files = sample.Files.Copy(1);
            files.Move(path, null);
            await AssertRefusedAsync(files, path);
            await using FasterJournal salvaged = await SmallStore.OpenAsync(files, Store, salvage: true);
            Assert.Contains(salvaged.Recovery.Damage, region => region.File == path);
            sample.AssertSubset(salvaged);
        }
    }

    [Fact]
    public async Task Open_SegmentTruncated_RefusesNamingIt()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        foreach (string path in sample.SegmentPaths)
        {
            FaultyFiles files = sample.Files.Copy(1);
            files.Poke(path, bytes => bytes[..(bytes.Length / 2)]);
            await AssertRefusedAsync(files, path);
            await using FasterJournal salvaged = await SmallStore.OpenAsync(files, Store, salvage: true);
            Assert.Contains(salvaged.Recovery.Damage, region => region.File == path);
            sample.AssertSubset(salvaged);
        }
    }

    [Fact]
    public async Task Open_SegmentsSwapped_RefusesNamingOne()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        string[] hot = [.. sample.SegmentPaths.Where(path => path.Contains("hot", StringComparison.Ordinal))];
        FaultyFiles files = sample.Files.Copy(1);
        files.Move(hot[0], "/store/x");
        files.Move(hot[1], hot[0]);
        files.Move("/store/x", hot[1]);

        await AssertRefusedAsync(files, hot[0]);
    }

    [Fact]
    public async Task Open_AllSegmentsZeroed_RefusesRatherThanOpeningEmpty()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        FaultyFiles files = sample.Files.Copy(1);
        foreach (string path in sample.SegmentPaths)
        {
            files.Poke(path, bytes => new byte[bytes.Length]);
        }

        await AssertRefusedAsync(files, "hot-5eed0001");
    }

    [Fact]
    public async Task Open_ManifestMissing_RefusesAndSalvageRebuildsIt()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        FaultyFiles files = sample.Files.Copy(1);
        files.Move(Manifest, null);

        await AssertRefusedAsync(files, Manifest);
        await using (FasterJournal salvaged = await SmallStore.OpenAsync(files, Store, salvage: true))
        {
            sample.AssertComplete(salvaged, mayLoseTail: false, "without manifest");
            Assert.NotEmpty(salvaged.Recovery.Damage);
        }

        await using FasterJournal again = await SmallStore.OpenAsync(files, Store);
        sample.AssertComplete(again, mayLoseTail: false, "after salvage");
    }

    [Fact]
    public async Task Open_ManifestZeroed_RefusesAndSalvageRebuildsIt()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        FaultyFiles files = sample.Files.Copy(1);
        files.Poke(Manifest, bytes => new byte[bytes.Length]);

        await AssertRefusedAsync(files, Manifest);
        await using FasterJournal salvaged = await SmallStore.OpenAsync(files, Store, salvage: true);
        sample.AssertComplete(salvaged, mayLoseTail: false, "with a zeroed manifest");
    }

    [Theory]
    [InlineData("/store/notes.txt")]
    [InlineData("/store/hot-0badcafe-0000000001.seg")]
    [InlineData("/store/hot-5eed0001-1.seg")]
    public async Task Open_ForeignFile_RefusesNamingIt(string path)
    {
        Sample sample = await Sample.MakeAsync(cleanStop: true);
        FaultyFiles files = sample.Files.Copy(1);
        files.Open(path, create: true).Dispose();

        await AssertRefusedAsync(files, path);
    }

    [Fact]
    public async Task Open_SegmentOfAnotherStoreRenamed_IsNotTakenForOurs()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: false);
        FaultyFiles other = new(2);
        JournalOptions options = new()
        {
            Directory = Store,
            Hot = SmallStore.Options(Store).Hot,
            Cold = SmallStore.Options(Store).Cold,
            ManifestSlotBytes = 8 << 10,
            BallastBytes = 0,
            FreeSpaceWatermarkBytes = 0,
            StoreTag = 99,
        };
        await using (FasterJournal journal = await FasterJournal.OpenAsync(options, other, TimeProvider.System))
        {
            for (int i = 0; i < 500; i++)
            {
                SmallStore.Append(journal.Hot, i);
            }
        }

        string ours = sample.SegmentPaths.First(path => path.Contains("hot", StringComparison.Ordinal));
        string theirs = Path.Combine(Store, other.Names.First(name => name.EndsWith("01.seg", StringComparison.Ordinal)));
        FaultyFiles files = sample.Files.Copy(1);
        files.Poke(ours, _ => other.Peek(theirs));

        await AssertRefusedAsync(files, ours);
    }

    [Fact]
    public async Task Open_OtherPageSize_RefusesNamingBoth()
    {
        Sample sample = await Sample.MakeAsync(cleanStop: true);
        JournalOptions small = SmallStore.Options(Store);
        JournalOptions options = new()
        {
            Directory = Store,
            Hot = small.Hot with { PageBytes = 16 << 10 },
            Cold = small.Cold,
            ManifestSlotBytes = small.ManifestSlotBytes,
        };

        JournalException error = await Assert.ThrowsAsync<JournalException>(() => FasterJournal.OpenAsync(options, sample.Files, TimeProvider.System));

        Assert.Equal(
            "RESOURCE_ERROR - the store of '/store/MANIFEST' was made with pages of 8192 and segments of 32768 bytes for its hot log. These sizes cannot be "
            + "changed afterwards: configure the same, or begin with an empty directory.", error.Message);
    }

    private static async Task AssertRefusedAsync(FaultyFiles files, string named)
    {
        JournalException error = await Assert.ThrowsAsync<JournalException>(() => SmallStore.OpenAsync(files, Store));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Every byte of the manifest's used part, and of each other file a number of bytes, spread evenly but for chance.</summary>
    private static IEnumerable<(string Path, int Position)> Positions(FaultyFiles files, Random random)
    {
        int perFile = Seeds.ScriptCount(40);
        foreach (string path in files.Names)
        {
            int length = files.LengthOf(path);
            if (path == Manifest)
            {
                for (int i = 0; i < 260; i++)
                {
                    yield return (path, i);
                    yield return (path, (length / 2) + i);
                }
            }
            else
            {
                for (int i = 0; i < perFile && length > 0; i++)
                {
                    yield return (path, (int)((i + random.NextDouble()) * length / perFile));
                }
            }
        }
    }

    /// <summary>A store with all that there can be in one: several openings, a torn tail, released, spare and cold segments.</summary>
    private sealed class Sample
    {
        private readonly List<long> _hot = [];
        private readonly List<long> _cold = [];

        public FaultyFiles Files { get; } = new(5);

        public IEnumerable<string> SegmentPaths
            => Files.Names.Where(path => path.EndsWith(".seg", StringComparison.Ordinal) && !path.Contains("spare", StringComparison.Ordinal));

        public static async Task<Sample> MakeAsync(bool cleanStop)
        {
            Sample sample = new();
            for (int life = 0; life < 3; life++)
            {
                bool isLast = life == 2;
                FasterJournal journal = await SmallStore.OpenAsync(sample.Files, Store);
                for (int i = 0; i < 12; i++)
                {
                    for (int j = 0; j < 10; j++)
                    {
                        sample._hot.Add((life * 1000) + (i * 10) + j);
                        SmallStore.Append(journal.Hot, sample._hot[^1], 8 + (i * j * 13));
                    }

                    sample._cold.Add(10000 + (life * 1000) + i);
                    SmallStore.Append(journal.Cold, sample._cold[^1], 700);
                    await journal.Cold.FlushAsync(Durability.Synced);
                    await journal.Hot.FlushAsync(Durability.Synced);
                }

                if (life == 0)
                {
                    await journal.SaveCheckpointAsync(new CheckpointPoint(1, journal.Hot.TailAddress, new byte[] { 1, 2, 3 }));
                    journal.Hot.ReleaseBefore(journal.Hot.TailAddress);
                    await journal.SaveCheckpointAsync(new CheckpointPoint(1, journal.Hot.TailAddress, new byte[] { 1, 2, 3 }));
                    List<long> left = SmallStore.Numbers(journal.Hot);
                    sample._hot.RemoveAll(number => !left.Contains(number));
                }

                if (isLast && cleanStop)
                {
                    journal.MarkCleanStop();
                    await journal.DisposeAsync();
                }
                else
                {
                    sample.Files.KillProcess();
                    await journal.DisposeAsync();
                }
            }

            return sample;
        }

        public void AssertComplete(FasterJournal journal, bool mayLoseTail, string circumstances)
        {
            List<long> hot = SmallStore.Numbers(journal.Hot);
            List<long> cold = SmallStore.Numbers(journal.Cold);
            Assert.True(hot.SequenceEqual(_hot.Take(hot.Count)), $"{circumstances}: hot records differ: {string.Join(' ', hot)}");
            Assert.True(cold.SequenceEqual(_cold.Take(cold.Count)), $"{circumstances}: cold records differ: {string.Join(' ', cold)}");

            // The last commit of a log that was not closed is told from a torn one by nothing.
            Assert.True(hot.Count >= _hot.Count - (mayLoseTail ? 10 : 0), $"{circumstances}: {_hot.Count - hot.Count} hot records are missing.");
            Assert.True(cold.Count >= _cold.Count - (mayLoseTail ? 1 : 0), $"{circumstances}: {_cold.Count - cold.Count} cold records are missing.");
        }

        public void AssertSubset(FasterJournal journal)
        {
            List<long> hot = SmallStore.Numbers(journal.Hot);
            List<long> cold = SmallStore.Numbers(journal.Cold);
            Assert.Equal(_hot.Intersect(hot), hot);
            Assert.Equal(_cold.Intersect(cold), cold);
            Assert.NotEmpty(hot.Concat(cold));
        }

        public async Task AssertSalvagedAsync(FaultyFiles files, string path, int position, byte mask, string circumstances)
        {
            files.Poke(path, bytes =>
            {
                bytes[position] ^= mask;
                return bytes;
            });
            await using FasterJournal journal = await SmallStore.OpenAsync(files, Store, salvage: true);
            List<long> hot = SmallStore.Numbers(journal.Hot);
            List<long> cold = SmallStore.Numbers(journal.Cold);
            Assert.Equal(_hot.Intersect(hot), hot);
            Assert.Equal(_cold.Intersect(cold), cold);
            int missing = _hot.Count - hot.Count + _cold.Count - cold.Count;
            Assert.True(missing <= 1, $"{circumstances}: salvage lost {missing} records.");
        }
    }
}
