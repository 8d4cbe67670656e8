namespace EmbeddedMq.Tests.Architecture;

/// <summary>Proves on made-up folders that <see cref="FolderArrowTests"/> would see a violation.</summary>
public sealed class FolderArrowCheckerTests
{
    private const string MadeUpRoot = "tests/EmbeddedMq.Tests/Architecture/MadeUp/";
    private const string QueuesNamespace = "EmbeddedMq.Tests.Architecture.MadeUp.Queues";

    private static readonly Lazy<CompiledAssembly> MadeUp = new(
        () => CompiledAssembly.Read(typeof(FolderArrowCheckerTests).Assembly.Location, MadeUpRoot));

    public static TheoryData<string> ForbiddenTypes =>
    [
        .. typeof(FolderArrowCheckerTests).Assembly.GetTypes()
            .Where(type => type.Namespace == QueuesNamespace && !type.IsNested && type.Name != "AllowedQueue")
            .Select(type => type.Name),
    ];

    [Theory]
    [MemberData(nameof(ForbiddenTypes))]
    public void Checker_QueueNamesChannel_ReportsTheQueue(string type)
        => Assert.Contains(
            FolderArrowTests.Violations(MadeUp.Value, FolderArrows.OfTheBroker),
            violation => violation.StartsWith($"{QueuesNamespace}.{type} in Queues names ", StringComparison.Ordinal));

    [Fact]
    public void Checker_TypesFollowTheArrows_ReportsNothingElse()
        => Assert.Equal(
            ForbiddenTypes.Count,
            FolderArrowTests.Violations(MadeUp.Value, FolderArrows.OfTheBroker).Select(violation => violation.Split(' ')[0]).Distinct().Count());

    [Fact]
    public void Checker_TypeOutsideTheRoot_IsNotPlaced()
        => Assert.Contains(typeof(FolderArrowCheckerTests).FullName, MadeUp.Value.TypesWithoutSource);

    [Theory]
    [InlineData("using EmbeddedMq.Channels;", "Channels")]
    [InlineData("using static EmbeddedMq.Channels.Limits;", "Channels")]
    [InlineData("using Limits = EmbeddedMq.Channels.Limits;", "Channels")]
    [InlineData("    private const int Max = EmbeddedMq.Channels.Limits.Max; // not EmbeddedMq.Hosting", "Channels")]
    public void Text_NamesAFolder_IsMentioned(string line, string folder)
        => Assert.Equal([new Mention("Queues/Queue.cs", 1, "Queues", folder)], SourceTree.Mentions("Queues/Queue.cs", [line]));

    [Theory]
    [InlineData("using System.Threading;")]
    [InlineData("namespace EmbeddedMq;")]
    [InlineData("/// <see cref=\"EmbeddedMq.Channels.Channel\"/>")]
    public void Text_NamesNoFolder_IsNotMentioned(string line) => Assert.Empty(SourceTree.Mentions("Queues/Queue.cs", [line]));

    [Theory]
    [InlineData("Hosting", "Queues", true)]
    [InlineData("Channels", "Consumers", true)]
    [InlineData("Exchanges", "Bindings", true)]
    [InlineData("Queues", "Bindings", true)]
    [InlineData("Consumers", "Errors", true)]
    [InlineData("Connections", "Journal", true)]
    [InlineData("Queues", "Channels", false)]
    [InlineData("Queues", "VirtualHosts", false)]
    [InlineData("Consumers", "Queues", false)]
    [InlineData("Exchanges", "Queues", false)]
    [InlineData("Bindings", "Queues", false)]
    [InlineData("Journal", "Queues", false)]
    [InlineData("Handlers", "Connections", false)]
    [InlineData("Errors", "Journal", false)]
    [InlineData("", "Queues", false)]
    [InlineData("", "Errors", true)]
    public void Arrow_IsTransitiveDownwards(string from, string to, bool isAllowed)
        => Assert.Equal(isAllowed, FolderArrows.OfTheBroker.Allows(from, to));
}
