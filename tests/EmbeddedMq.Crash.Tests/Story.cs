using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A seeded life of a store: appends, commits, checkpoints, releases, failures and reopenings; and what must be found afterwards.</summary>
internal sealed class Story(FaultyFiles files, int seed)
{
    private const string Store = "/store";

    private readonly Random _random = new(seed);
    private readonly Dictionary<long, long> _hotAddresses = [];    // number to address
    private readonly List<long> _hotOrder = [];
    private readonly List<long> _coldOrder = [];
    private readonly HashSet<long> _synced = [];                   // survive everything
    private readonly HashSet<long> _written = [];                  // survive the end of the process
    private readonly HashSet<long> _coldSynced = [];
    private long _releasedBefore;
    private long _number;
    private byte _checkpointsTried;
    private byte _checkpointSaved;
    private FasterJournal? _journal;

    public async Task RunAsync(int rounds)
    {
        try
        {
            _journal ??= await SmallStore.OpenAsync(files, Store);
            for (int round = 0; round < rounds; round++)
            {
                await RoundAsync(_journal);
            }
        }
        catch (JournalException)
        {
            await ReopenAsync();
        }
    }

    public async Task EndAsync(bool cutPower)
    {
        if (_journal is not null && _random.Next(3) == 0)
        {
            _journal.MarkCleanStop();
            await _journal.DisposeAsync();
            _journal = null;
        }

        if (cutPower)
        {
            files.CutPower();
            _written.Clear();
        }
        else
        {
            files.KillProcess();
        }

        if (_journal is not null)
        {
            await _journal.DisposeAsync(); // its handles are dead
            _journal = null;
        }
    }

    public async Task CheckAsync(string circumstances)
    {
        try
        {
            await using FasterJournal journal = await SmallStore.OpenAsync(files, Store);
            CheckHot(journal);
            List<long> cold = SmallStore.Numbers(journal.Cold);
            Assert.Empty(_coldSynced.Except(cold));
            Assert.Equal(_coldOrder.Intersect(cold), cold);
            byte checkpoint = journal.Checkpoint.Owner.Length == 0 ? (byte)0 : journal.Checkpoint.Owner.Span[0];
            Assert.InRange(checkpoint, _checkpointSaved, _checkpointsTried);
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"{circumstances}: {error.Message}{Environment.NewLine}{files.Log}", error);
        }
    }

    private void CheckHot(FasterJournal journal)
    {
        List<long> found = SmallStore.Numbers(journal.Hot);
        Assert.Empty(_synced.Concat(_written).Where(number => _hotAddresses[number] >= _releasedBefore).Except(found));
        Assert.Equal(_hotOrder.Intersect(found), found); // nothing invented, nothing twice, in order
        foreach (long number in found.Where((_, index) => index % 7 == 0))
        {
            Assert.Equal(number, SmallStore.NumberOf(journal.Hot.Read(_hotAddresses[number]).Body.Span));
        }
    }

    private async Task RoundAsync(FasterJournal journal)
    {
        List<long> hot = [];
        List<long> cold = [];
        for (int i = _random.Next(1, 12); i > 0; i--)
        {
            hot.Add(Append(journal.Hot, _hotOrder));
        }

        if (_random.Next(3) == 0)
        {
            cold.Add(Append(journal.Cold, _coldOrder));
            await journal.Cold.FlushAsync(Durability.Synced);
            _coldSynced.UnionWith(cold);
        }

        Durability durability = _random.Next(2) == 0 ? Durability.Synced : Durability.OsBuffered;
        await journal.Hot.FlushAsync(durability);
        _written.UnionWith(hot);
        if (durability == Durability.Synced)
        {
            _synced.UnionWith(_written);
        }

        if (_random.Next(3) == 0)
        {
            long begin = journal.Hot.SyncedUntil;
            _checkpointsTried++;
            byte[] owner = [_checkpointsTried];
            await journal.SaveCheckpointAsync(new CheckpointPoint(_hotOrder.Count, begin, owner));
            _synced.UnionWith(_written);
            _checkpointSaved = _checkpointsTried;
            _releasedBefore = begin;
            journal.Hot.ReleaseBefore(begin);
        }
    }

    private long Append(IAppendLog log, List<long> order)
    {
        long number = ++_number;
        long address = SmallStore.Append(log, number, 8 + _random.Next(_random.Next(4) == 0 ? 8000 : 300));
        order.Add(number);
        if (order == _hotOrder)
        {
            _hotAddresses[number] = address;
        }

        return number;
    }

    private async Task ReopenAsync()
    {
        if (_journal is not { } journal || _random.Next(2) == 0)
        {
            return;
        }

        Assert.Equal(JournalState.Failed, journal.State);
        try
        {
            await journal.ReopenAsync();
            Assert.True(journal.Hot.LostFrom >= journal.Hot.BeginAddress);
            await RoundAsync(journal);
        }
        catch (JournalException)
        {
            Assert.Equal(JournalState.Failed, journal.State);
        }
    }
}
