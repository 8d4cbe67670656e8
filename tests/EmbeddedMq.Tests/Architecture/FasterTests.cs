namespace EmbeddedMq.Tests.Architecture;

/// <summary>FASTER is an implementation detail of one folder.</summary>
public sealed class FasterTests
{
    [Fact]
    public void Sources_OutsideJournalFaster_DoNotNameFaster()
    {
        string home = Path.Combine(SourceTree.RepositoryRoot, "src", "EmbeddedMq", "Journal", "Faster") + Path.DirectorySeparatorChar;
        Offenders.None(Directory.EnumerateFiles(Path.Combine(SourceTree.RepositoryRoot, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.StartsWith(home, StringComparison.Ordinal))
            .Where(file => File.ReadAllText(file).Contains("FASTER.core", StringComparison.Ordinal)));
    }
}
