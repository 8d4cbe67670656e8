using System.Runtime.CompilerServices;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A start that fails gives back all that it took, so that the next one, in the same process, finds the store as it was.</summary>
public sealed class FailedStartTests
{
    private const int Messages = 90;

    [Fact]
    public async Task Start_NthOperationFails_LeavesNothingOpenAndTheNextOneFindsEverything()
    {
        FaultyFiles origin = await MakeAsync();
        bool hasFailed = true;
        int failures = 0;
        for (int n = 1; hasFailed; n++)
        {
            FaultyFiles files = origin.Copy(n);
            await using FaultyBroker broker = new(files);
            files.FailIn(n);
            JournalException? error = await TryStartAsync(broker);
            hasFailed = files.HasFailed;
            if (error is null)
            {
                continue; // it could do without
            }

            failures++;
            Assert.False(files.IsLocked, $"Operation {n}: the store is still locked. {error.Message}");
            Assert.True(files.OpenHandles == 0, $"Operation {n}: {files.OpenHandles} files are still open. {error.Message}");
            Assert.True(Messages == await CountAsync(await broker.StartAsync()), $"Operation {n}: messages are lost.");
        }

        Assert.True(failures > 10, $"{failures} starts failed.");
    }

    [Theory]
    [InlineData("manifest", true)]
    [InlineData("missing segment", true)]
    [InlineData("truncated segment", true)]
    [InlineData("damaged record", true)]
    [InlineData("foreign file", false)]
    [InlineData("record of a later version", false)]
    [InlineData("cancelled", false)]
    public async Task Start_Refused_LeavesNothingBehind(string why, bool canBeSalvaged)
    {
        FaultyFiles files = await MakeAsync();
        Action mend = await DamageAsync(files, why);
        await using FaultyBroker broker = new(files);
        using CancellationTokenSource cancelling = new();
        List<WeakReference> journals = [];
        broker.Wrap = opened =>
        {
            journals.Add(new WeakReference(opened));
            if (why == "cancelled")
            {
                cancelling.Cancel();
            }

            return opened;
        };

        await RefuseAsync(broker, why == "cancelled" ? cancelling.Token : CancellationToken.None);

        Assert.False(files.IsLocked);
        Assert.Equal(0, files.OpenHandles);
        await Patiently.YieldUntilAsync(() => !journals.Exists(static journal => journal.IsAlive), "threads and timers to end", GC.Collect);
        mend();
        broker.Salvage = canBeSalvaged;
        if (why == "record of a later version")
        {
            Assert.Contains("are not known to this version", (await TryStartAsync(broker))?.Message, StringComparison.Ordinal);
            return;
        }

        IChannel channel = await broker.StartAsync();
        Assert.InRange(await CountAsync(channel), canBeSalvaged ? 1 : Messages, 2 * Messages);
    }

    // With messages in both logs, and receipts.
    private static async Task<FaultyFiles> MakeAsync()
    {
        FaultyFiles files = new(1);
        await using (FaultyBroker broker = new(files))
        {
            IChannel channel = await broker.StartAsync();
            await channel.DeclareQueueAsync("q", static q => q.Durable());
            for (int i = 0; i < Messages; i++)
            {
                await channel.PublishAsync("", "q", Message.Text($"{i} {new string('x', 15_000)}", MessageProperties.Persistent));
            }

            await broker.Broker.KeepStoreShortAsync();
            Assert.True(broker.Broker.Storage!.EvacuatedTotal > 0);
            await using IIdempotenceClaim claim = await broker.Broker.Idempotence.ClaimAsync(
                new ClaimRequest { Key = new IdempotenceKey("s", "1", default), Lease = TimeSpan.FromMinutes(1) });
            await claim.CompleteAsync([]);
        }

        return files;
    }

    private static async Task<Action> DamageAsync(FaultyFiles files, string why)
    {
        string hot = files.Names.First(static name => name.Contains("/hot-", StringComparison.Ordinal) && !name.Contains(".spare", StringComparison.Ordinal));
        switch (why)
        {
            case "manifest":
                files.Poke("/store/MANIFEST", static bytes => new byte[bytes.Length]);
                break;
            case "missing segment":
                files.Move(hot, null);
                break;
            case "truncated segment":
                files.Poke(hot, static bytes => bytes[..(bytes.Length / 2)]);
                break;
            case "damaged record":
                files.Poke(hot, Flip);
                break;
            case "foreign file":
                files.Open("/store/notes.txt", create: true).Dispose();
                return () => files.Move("/store/notes.txt", null);
            case "record of a later version":
                await using (FasterJournal journal = await FasterJournal.OpenAsync(FaultyBroker.JournalOptionsOf("/store"), files, TimeProvider.System))
                {
                    journal.Hot.Append(200, new RecordBytes(new byte[10]));
                }

                break;
            default:
                break;
        }

        return static () => { };
    }

    private static byte[] Flip(byte[] bytes)
    {
        bytes[20_000] ^= 0x10;
        return bytes;
    }

    private static async Task<JournalException?> TryStartAsync(FaultyBroker broker)
    {
        try
        {
            await broker.StartAsync();
            return null;
        }
        catch (JournalException error)
        {
            return error;
        }
    }

    // By itself, so that nothing of what the start has made is left in a variable.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task RefuseAsync(FaultyBroker broker, CancellationToken cancellationToken)
    {
        try
        {
            await broker.StartAsync(cancellationToken);
        }
        catch (Exception error) when (error is JournalException or OperationCanceledException)
        {
            return;
        }

        Assert.Fail("It has started.");
    }

    private static async Task<int> CountAsync(IChannel channel)
    {
        int count = 0;
        while (await channel.GetAsync("q", autoAck: true) is not null)
        {
            count++;
        }

        return count;
    }
}
