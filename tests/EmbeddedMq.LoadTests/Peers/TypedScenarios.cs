using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Peers.Buses;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S8: a record is published, and handled by a class out of the container: what most users write.</summary>
internal static class TypedScenarios
{
    internal static async Task RunAsync(ScenarioContext context)
    {
        if (!context.Wants("S8"))
        {
            return;
        }

        string directory = context.Arguments.Directory;
        await using LazyPeer<EmbeddedBus> ours = new(static () => EmbeddedBus.StartAsync(isIdempotent: false));
        await using LazyPeer<EmbeddedBus> references = new(static () => EmbeddedBus.StartAsync(isIdempotent: false, isByReference: true));
        await using LazyPeer<EmbeddedBus> checkedOurs = new(static () => EmbeddedBus.StartAsync(isIdempotent: true));
        await using LazyPeer<EmbeddedBus> storedOurs = new(() => EmbeddedBus.StartAsync(isIdempotent: true, directory: Path.Combine(directory, "typed")));
        await using LazyPeer<WolverineBus> wolverine = new(WolverineBus.StartAsync);
        await using LazyPeer<RebusBus> rebus = new(RebusBus.StartAsync);
        await using LazyPeer<MassTransitBus> massTransit = new(MassTransitBus.StartAsync);

        Measurement typed = context.Sized("S8 · EmbeddedMq", async (count, latencies) => await (await ours.GetAsync()).OrderAsync(count, latencies));
        Measurement byReference = context.Sized("S8 · EmbeddedMq, by reference", async (count, latencies) => await (await references.GetAsync()).OrderAsync(count, latencies));
        Measurement idempotent = context.Sized("S8 · EmbeddedMq, idempotent", async (count, latencies) => await (await checkedOurs.GetAsync()).OrderAsync(count, latencies));
        Measurement stored = context.Sized(
            "S8 · EmbeddedMq, idempotent, durable, 256 outstanding", async (count, latencies) => await (await storedOurs.GetAsync()).OrderAsync(count, latencies));
        Measurement[] buses =
        [
            context.Sized("S8 · Wolverine", async (count, latencies) => await (await wolverine.GetAsync()).OrderAsync(count, latencies)),
            context.Sized("S8 · Rebus", async (count, latencies) => await (await rebus.GetAsync()).OrderAsync(count, latencies)),
            context.Sized("S8 · MassTransit", async (count, latencies) => await (await massTransit.GetAsync()).OrderAsync(count, latencies)),
        ];
        typed.ComparedWith("x Wolverine", buses[0]).ComparedWith("x Rebus", buses[1]).ComparedWith("x MassTransit", buses[2]);
        byReference.ComparedWith("of that with JSON", typed).ComparedWith("x Wolverine", buses[0]);
        idempotent.ComparedWith("of that without the check", typed);
        Measurement[] all = [typed, byReference, idempotent, stored, .. buses];
        await context.Report.RunAsync(all);
        context.Chart.Add("S8: typed publish, handler by dependency injection", all);

        context.Targets.AtLeast("S8, typed, in memory", 1_000_000, typed.Rates, " /s");
        context.Targets.AtLeast("S8, in Wolverine's", 4, typed.RatiosTo(buses[0]));
        context.Targets.AtLeast("S8, in MassTransit's", 40, typed.RatiosTo(buses[2]));
        context.Targets.AtLeast("S8, with the embedded idempotence check", 500_000, idempotent.Rates, " /s");
    }
}
