using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.Crash.Tests.Campaign;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A broker whose files were damaged refuses to start and names the file, or starts with everything; never with less, never with wrong data.</summary>
public sealed class BrokerDamageTests
{
    private const int Messages = 900;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Start_AnyFileFlipped_RefusesNamingItOrLosesNothing(bool isClean)
    {
        int seed = Seeds.Pick(9);
        Random random = new(seed);
        using Sample sample = await Sample.MakeAsync(isClean);
        int refused = 0;
        foreach (string file in sample.Files)
        {
            int count = file == "MANIFEST" ? 40 : 12;
            for (int i = 0; i < count; i++)
            {
                long position = PickPosition(sample.LengthOf(file), file == "MANIFEST", i, count, random);
                byte mask = (byte)(1 << random.Next(8));
                refused += await sample.JudgeAsync(
                    directory => Flip(Path.Combine(directory, file), position, mask),
                    $"{file} flipped at {position} by {mask}, seed {seed}, clean {isClean}") ? 1 : 0;
            }
        }

        Assert.True(refused > 10, $"Only {refused} were refused.");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Start_AnyFileTruncatedRemovedOrSwapped_RefusesNamingItOrLosesNothing(bool isClean)
    {
        using Sample sample = await Sample.MakeAsync(isClean);
        string[] files = [.. sample.Files.Where(static file => file != "LOCK")];
        foreach (string file in files)
        {
            long length = sample.LengthOf(file);
            foreach (long rest in (long[])[0, 1, length / 2, length - 1])
            {
                await sample.JudgeAsync(directory => Truncate(Path.Combine(directory, file), rest), $"{file} truncated to {rest}, clean {isClean}");
            }

            await sample.JudgeAsync(directory => File.Delete(Path.Combine(directory, file)), $"{file} removed, clean {isClean}");
            foreach (string other in files.Where(other => string.CompareOrdinal(other, file) > 0))
            {
                await sample.JudgeAsync(directory => Swap(Path.Combine(directory, file), Path.Combine(directory, other)), $"{file} and {other} swapped, clean {isClean}");
            }
        }
    }

    [Fact]
    public async Task Start_DirectoryInUse_NamesTheHolder()
    {
        using ScratchDirectory scratch = new();
        CampaignSetup setup = new(scratch.Path, 1, 1, Durability.OsBuffered, 1 << 20);
        using Process victim = CampaignVictim.Start(setup);
        try
        {
            while (await victim.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line && line != "ready")
            {
            }

            JournalException other = await Assert.ThrowsAsync<JournalException>(async () => await Broker.StartAsync(setup.ToBrokerOptions(TimeProvider.System)));
            Assert.Contains($"is in use by process {victim.Id}. ", other.Message, StringComparison.Ordinal);
        }
        finally
        {
            victim.Kill();
            await victim.WaitForExitAsync(CancellationToken.None);
        }

        await using Broker holder = await Broker.StartAsync(setup.ToBrokerOptions(TimeProvider.System));
        JournalException same = await Assert.ThrowsAsync<JournalException>(async () => await Broker.StartAsync(setup.ToBrokerOptions(TimeProvider.System)));
        Assert.Contains("is in use by another broker of this process. ", same.Message, StringComparison.Ordinal);
        Assert.True(same.IsTransient);
    }

    // Of the manifest mostly its used parts; of a log mostly its beginning, where records are.
    private static long PickPosition(long length, bool isManifest, int i, int count, Random random)
        => isManifest
            ? (i % 2 * length / 2) + random.Next(300)
            : (long)((i + random.NextDouble()) * length / count);

    private static void Flip(string path, long position, byte mask)
    {
        using FileStream file = new(path, FileMode.Open);
        file.Position = position;
        int value = file.ReadByte();
        file.Position = position;
        file.WriteByte((byte)(value ^ mask));
    }

    private static void Truncate(string path, long length)
    {
        using FileStream file = new(path, FileMode.Open);
        file.SetLength(length);
    }

    private static void Swap(string first, string second)
    {
        File.Move(first, first + "~");
        File.Move(second, first);
        File.Move(first + "~", second);
    }

    /// <summary>A data directory with names and messages in several queues, and what a start must find in it.</summary>
    private sealed class Sample : IDisposable
    {
        private readonly ScratchDirectory _scratch = new();
        private readonly bool _isClean;
        private readonly HashSet<string> _published = [];
        private HashSet<string> _all = [];
        private int _copies;

        private Sample(bool isClean) => _isClean = isClean;

        private string Origin => Path.Combine(_scratch.Path, "origin");

        public string[] Files => [.. Directory.GetFiles(Origin).Select(static path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

        public long LengthOf(string file) => new FileInfo(Path.Combine(Origin, file)).Length;

        public static async Task<Sample> MakeAsync(bool isClean)
        {
            Sample sample = new(isClean);
            string live = Path.Combine(sample._scratch.Path, "live");

            // On a clock that stands still, so that what lies in which file is not a matter of how fast the machine is: the store is kept short when this says so.
            await using (Broker broker = await Broker.StartAsync(Setup(live).ToBrokerOptions(new FakeTimeProvider(TimeProvider.System.GetUtcNow()))))
            {
                await using IConnection connection = await broker.ConnectAsync();
                IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
                await CampaignSetup.DeclareAsync(channel);
                for (int i = 0; i < Messages; i++)
                {
                    if (i % (Messages / 4) == 0)
                    {
                        await broker.KeepStoreShortAsync();
                    }

                    string id = string.Create(CultureInfo.InvariantCulture, $"1.{i % 3}.{i}");
                    sample._published.UnionWith(i % 5 == 0 ? [$"f0 {id}", $"f1 {id}"] : [$"q1 {id}"]);
                    await channel.PublishAsync(i % 5 == 0 ? CampaignSetup.Fan : "", i % 5 == 0 ? "" : "q1", new Message(Bodies.Make(id), MessageProperties.Persistent));
                    if (i % 3 == 0)
                    {
                        await channel.AckAsync((await channel.GetAsync("q1"))?.Delivery.DeliveryTag ?? (await channel.GetAsync("f1"))!.Delivery.DeliveryTag);
                    }
                }

                if (!isClean)
                {
                    sample._published.Add("q1 1.9.1");
                    await channel.PublishAsync("", "q1", new Message(Bodies.Make("1.9.1"), MessageProperties.Persistent));
                    Copy(live, sample.Origin); // as a kill leaves it
                }
            }

            if (isClean)
            {
                Copy(live, sample.Origin);
            }

            sample._all = await ReadAsync(sample.NewCopy());
            Assert.True(sample._all.Count > Messages / 2);
            return sample;
        }

        /// <summary>Damages a copy and starts a broker on it.</summary>
        /// <returns>Whether the start was refused.</returns>
        public async Task<bool> JudgeAsync(Action<string> damage, string circumstances)
        {
            string directory = NewCopy();
            damage(directory);
            try
            {
                HashSet<string> found = await ReadAsync(directory);

                // The last commits of a store that was not closed are told from torn ones by nothing.
                int missing = _all.Except(found).Count();
                Assert.True(found.IsSubsetOf(_all), $"{circumstances}: found what was not there: {string.Join(' ', found.Except(_all).Take(5))}.");
                Assert.True(missing <= (_isClean ? 0 : 3), $"{circumstances}: started without {missing} of {_all.Count}: {string.Join(' ', _all.Except(found).Take(5))}.");
                return false;
            }
            catch (JournalException error)
            {
                Assert.True(error.Message.Contains(directory, StringComparison.Ordinal), $"{circumstances}: {error.Message}");
            }

            try
            {
                await SalvageAsync(directory);
                HashSet<string> salvaged = await ReadAsync(directory); // as any store
                string[] strange = [.. salvaged.Except(_all).Except(_published).Where(static found => !found.Contains("salvaged-", StringComparison.Ordinal)).Take(5)]; // what was settled comes back where the settling was damaged
                Assert.True(strange.Length == 0, $"{circumstances}: salvage found what was never there: {string.Join(' ', strange)}.");
                int kept = salvaged.Select(TextOf).Intersect(_all.Select(TextOf)).Count();
                Assert.True(kept > _all.Count / 9, $"{circumstances}: salvage found {kept} of {_all.Count}.");
            }
            catch (JournalException error)
            {
                Assert.Fail($"{circumstances}: salvage, or a start after it, refuses: {error}");
            }

            return true;
        }

        public void Dispose() => _scratch.Dispose();

        // Without the queue: one whose declaration was damaged has another name.
        private static string TextOf(string found) => found[(found.IndexOf(' ', StringComparison.Ordinal) + 1)..];

        private static CampaignSetup Setup(string directory) => new(directory, 1, 1, Durability.Synced, 1 << 20);

        private string NewCopy()
        {
            string copy = Path.Combine(_scratch.Path, "copy" + _copies++.ToString(CultureInfo.InvariantCulture));
            if (_copies > 1)
            {
                string before = Path.Combine(_scratch.Path, "copy" + (_copies - 2).ToString(CultureInfo.InvariantCulture));
                Directory.Delete(before, recursive: true);
            }

            Copy(Origin, copy);
            return copy;
        }

        private static void Copy(string from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (string file in Directory.GetFiles(from).Where(static file => Path.GetFileName(file) != "LOCK"))
            {
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
            }
        }

        private static async Task<GetResult?> GetAsync(Broker broker, IChannel channel, string queue)
        {
            using CancellationTokenSource patience = new(BrokerFixture.Patience);
            try
            {
                return await channel.GetAsync(queue, autoAck: true, patience.Token);
            }
            catch (OperationCanceledException)
            {
                QueueDescription now = (await broker.Management.ListQueuesAsync(ConnectionOptions.DefaultVirtualHost)).Single(found => found.Name == queue);
                throw new InvalidOperationException($"Nothing comes from {now}.");
            }
        }

        private static async Task SalvageAsync(string directory)
        {
            BrokerOptions options = Setup(directory).ToBrokerOptions(TimeProvider.System);
            options.Storage.Salvage = true;
            await (await Broker.StartAsync(options)).DisposeAsync();
        }

        // Names and messages; a message that cannot be read stops its queue, and is not wrong data.
        private static async Task<HashSet<string>> ReadAsync(string directory)
        {
            HashSet<string> found = [];
            await using Broker broker = await Broker.StartAsync(Setup(directory).ToBrokerOptions(TimeProvider.System));
            await using IConnection connection = await broker.ConnectAsync();
            foreach (QueueDescription queue in await broker.Management.ListQueuesAsync(ConnectionOptions.DefaultVirtualHost))
            {
                found.Add($"queue {queue.Name}");
                IChannel channel = await connection.OpenChannelAsync();
                while (await GetAsync(broker, channel, queue.Name) is { } got)
                {
                    found.Add($"{queue.Name} {Bodies.Read(got.Delivery.Body.Span)}");
                }
            }

            foreach (BindingDescription binding in await broker.Management.ListBindingsAsync(ConnectionOptions.DefaultVirtualHost))
            {
                found.Add($"{binding.Source} to {binding.Destination}");
            }

            return found;
        }
    }
}
