using FsCheck;
using FsCheck.Fluent;

namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>A random script: a list of steps, and how to make one and make it smaller.</summary>
internal sealed record Script(IReadOnlyList<Step> Steps)
{
    // Twice the queues' and exchanges' number of steps go into a topology before traffic, or most publishes would find nothing.
    private const int TopologySteps = 10;

    private static readonly (int Weight, StepKind Kind)[] Topology =
    [
        (5, StepKind.DeclareQueue), (3, StepKind.DeclareExchange), (4, StepKind.Bind),
    ];

    private static readonly (int Weight, StepKind Kind)[] Traffic =
    [
        (1, StepKind.Connect), (1, StepKind.CloseConnection), (3, StepKind.OpenChannel), (2, StepKind.CloseChannel),
        (2, StepKind.DeclareExchange), (1, StepKind.DeleteExchange), (4, StepKind.DeclareQueue), (2, StepKind.CheckQueue),
        (1, StepKind.DeleteQueue), (1, StepKind.Purge), (4, StepKind.Bind), (1, StepKind.Unbind),
        (40, StepKind.Publish), (10, StepKind.Get), (10, StepKind.Consume), (10, StepKind.Read), (2, StepKind.Cancel), (2, StepKind.DisposeConsumer),
        (12, StepKind.Ack), (10, StepKind.Nack), (6, StepKind.Reject), (2, StepKind.Recover), (3, StepKind.SetPrefetch),
        (10, StepKind.Advance), (2, StepKind.Mistake),
    ];

    /// <summary>Scripts of 20 to 100 steps.</summary>
    public static Arbitrary<Script> Arbitrary { get; } = Arb.From(
        from length in Gen.Choose(10, 90)
        from topology in Gen.ArrayOf(StepOf(Topology), TopologySteps)
        from traffic in Gen.ArrayOf(StepOf(Traffic), length)
        select new Script([.. topology, .. traffic]),
        static script => script.Smaller());

    /// <inheritdoc/>
    public override string ToString() => $"a script of {Steps.Count} steps";

    private static Gen<Step> StepOf((int Weight, StepKind Kind)[] kinds)
        => from kind in Gen.Frequency(kinds.Select(static k => (k.Weight, Gen.Constant(k.Kind))))
           from place in Gen.Choose(0, 10_000)
           from what in Gen.Choose(0, 10_000)
           from how in Gen.Choose(0, int.MaxValue - 1)
           select new Step(kind, place, what, how);

    /// <summary>Scripts with fewer steps, large parts first; then scripts with a plainer step.</summary>
    private IEnumerable<Script> Smaller()
    {
        for (int size = (Steps.Count + 1) / 2; size >= 1; size /= 2)
        {
            for (int start = 0; start < Steps.Count; start += size)
            {
                yield return new Script([.. Steps.Take(start), .. Steps.Skip(start + size)]);
            }
        }

        for (int i = 0; i < Steps.Count; i++)
        {
            Step step = Steps[i];
            if (step.How != 0)
            {
                yield return With(i, step with { How = 0 });
            }

            if (step.Where != 0)
            {
                yield return With(i, step with { Where = 0 });
            }

            if (step.What != 0)
            {
                yield return With(i, step with { What = 0 });
            }
        }
    }

    private Script With(int index, Step step) => new([.. Steps.Take(index), step, .. Steps.Skip(index + 1)]);
}
