using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Storage;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S7: many messages of 1 KB wait: how fast they come in and go out, and the memory that it takes.</summary>
/// <remarks>Once each: it takes long. Memory is what the process takes more than before, and what of it is alive in the heap.</remarks>
internal static class BacklogScenario
{
    private const int BodyBytes = 1_024;

    internal static async Task RunAsync(ScenarioContext context)
    {
        int count = context.Arguments.BacklogCount;
        if (count == 0 || !context.Wants("S7"))
        {
            return;
        }

        string directory = context.Arguments.Directory;
        string name = string.Create(CultureInfo.InvariantCulture, $"S7, {count:N0} x 1 KB");
        Memory before = Memory.AtLeast();
        await using (DurableBroker ours = await DurableBroker.StartAsync(Path.Combine(directory, "backlog-broker")))
        {
            Outcome filled = await ours.FillAsync(BodyBytes, count);
            string memory = Memory.Now().Since(before);
            Add("EmbeddedMq", filled, memory, await ours.DrainAsync(count));
        }

        before = Memory.AtLeast();
        await using (SqliteQueue sqlite = new(Path.Combine(directory, "backlog.db")))
        {
            Outcome filled = await sqlite.FillAsync(BodyBytes, count);
            string memory = Memory.Now().Since(before);
            Add("SQLite", filled, memory, await sqlite.DrainAsync(count));
        }

        if (context.RabbitAbsence is { } absence)
        {
            context.Skip($"{name} · RabbitMQ", absence);
            return;
        }

        await using RabbitPeer rabbit = await RabbitPeer.StartAsync(context.Rabbit!);
        long emptyBytes = await rabbit.MemoryAsync();
        Outcome rabbitFilled = await rabbit.FillAsync(BodyBytes, count);
        long filledBytes = await rabbit.MemoryAsync();
        string serverMemory = string.Create(CultureInfo.InvariantCulture, $"server {(filledBytes - emptyBytes) >> 20:N0} MB");
        Add("RabbitMQ", rabbitFilled, serverMemory, await rabbit.DrainAsync(count));

        void Add(string peer, Outcome filled, string memory, Outcome drained)
        {
            context.Report.Add($"{name} · {peer}: fill", Describe(filled));
            context.Report.Add($"{name} · {peer}: memory while it is full", memory);
            context.Report.Add($"{name} · {peer}: drain", Describe(drained));
        }
    }

    private static string Describe(Outcome outcome)
        => string.Create(CultureInfo.InvariantCulture, $"{Series.Format(outcome.PerSecond)} /s, {outcome.PerSecond * BodyBytes / 1e6:N0} MB/s");

    private readonly record struct Memory(long Process, long Heap)
    {
        /// <summary>What is in use once all that can be given back has been.</summary>
        internal static Memory AtLeast()
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            return Now();
        }

        internal static Memory Now()
        {
            long workingSet = Environment.WorkingSet;
            return new Memory(workingSet, GC.GetTotalMemory(forceFullCollection: true));
        }

        internal string Since(Memory before)
            => string.Create(CultureInfo.InvariantCulture, $"process {(Process - before.Process) >> 20:N0} MB, of it heap in use {(Heap - before.Heap) >> 20:N0} MB");
    }
}
