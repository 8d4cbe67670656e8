namespace EmbeddedMq.Tests.Architecture;

/// <summary>Holds src/EmbeddedMq to the folder arrows, and the two foreign libraries to their folders.</summary>
public sealed class FolderArrowTests
{
    private const string BrokerRoot = "src/EmbeddedMq/";

    private static readonly Lazy<CompiledAssembly> Broker = new(
        () => CompiledAssembly.Read(Path.Combine(AppContext.BaseDirectory, "EmbeddedMq.dll"), BrokerRoot));

    private static string BrokerSource => Path.Combine(SourceTree.RepositoryRoot, BrokerRoot);

    private static IEnumerable<string> SourceFolders => SourceTree.Files(BrokerSource)
        .Where(path => path.Contains('/', StringComparison.Ordinal))
        .Select(path => path.Split('/')[0])
        .Distinct();

    [Fact]
    public void Folder_IsNew_HasItsLineInTheTable() => Offenders.None(SourceFolders.Except(FolderArrows.OfTheBroker.Folders));

    [Fact]
    public void Folder_HasSource_IsSeenInTheAssembly()
    {
        // Otherwise the tests below would pass because they look at nothing.
        Assert.NotEmpty(SourceFolders);
        Offenders.None(SourceFolders.Except(Broker.Value.Types.Select(type => type.Folder)));
    }

    [Fact]
    public void CompiledTypes_NameOtherFolders_OnlyAlongTheArrows()
        => Offenders.None(Violations(Broker.Value, FolderArrows.OfTheBroker));

    [Fact]
    public void SourceText_NamesOtherFolders_OnlyAlongTheArrows()
    {
        HashSet<string> folders = [.. FolderArrows.OfTheBroker.Folders];
        IEnumerable<string> violations = SourceTree.Files(BrokerSource)
            .SelectMany(file => SourceTree.Mentions(file, File.ReadLines(Path.Combine(BrokerSource, file))))
            .Where(mention => folders.Contains(mention.ToFolder) && !FolderArrows.OfTheBroker.Allows(mention.FromFolder, mention.ToFolder))
            .Select(mention => $"{mention.File}({mention.Line}) names {mention.ToFolder}");
        Offenders.None(violations);
    }

    [Fact]
    public void Type_HasParts_InOneFolder() => Offenders.None(Broker.Value.TypesInManyFolders);

    [Fact]
    public void Type_WithoutSourceFile_IsGeneratedOutsideOurNamespaces()
        => Assert.DoesNotContain(Broker.Value.TypesWithoutSource, name => name.StartsWith("EmbeddedMq", StringComparison.Ordinal));

    [Fact]
    public void Namespace_OfPublicType_IsEmbeddedMq()
        => Offenders.None(Broker.Value.Types.Where(type => type.IsPublic && type.Namespace != "EmbeddedMq").Select(type => type.FullName));

    [Fact]
    public void Namespace_OfInternalType_FollowsItsFolder()
    {
        // A type in a subfolder may stay in the namespace of the folder: Queues/Overflow would hide the public enum Overflow.
        IEnumerable<string> violations = Broker.Value.Types
            .Where(type => !type.IsPublic
                && type.Namespace != "EmbeddedMq." + type.Folder
                && type.Namespace != "EmbeddedMq." + type.FolderPath.Replace('/', '.'))
            .Select(type => $"{type.FullName} lies in {type.FolderPath}");
        Offenders.None(violations);
    }

    [Fact]
    public void ThreadingChannels_AreNamed_OnlyInThreading()
    {
        IEnumerable<string> compiled = Broker.Value.OuterReferences
            .Where(reference => reference.Namespace == "System.Threading.Channels" && reference.From.Folder != "Threading")
            .Select(reference => $"{reference.From.FullName} names {reference.Name}");
        Offenders.None(compiled);
        Offenders.None(FilesNaming("System.Threading.Channels").Where(file => !file.StartsWith("Threading/", StringComparison.Ordinal)));
    }

    [Fact]
    public void Faster_IsNamed_OnlyInJournalFaster()
    {
        IEnumerable<string> compiled = Broker.Value.OuterReferences
            .Where(reference => reference.Assembly.StartsWith("FASTER", StringComparison.OrdinalIgnoreCase) && !IsFaster(reference.From.FolderPath))
            .Select(reference => $"{reference.From.FullName} names {reference.Name}");
        Offenders.None(compiled);
        Offenders.None(FilesNaming("FASTER.").Where(file => !IsFaster(Path.GetDirectoryName(file)!.Replace('\\', '/'))));

        static bool IsFaster(string folder) => folder == "Journal/Faster" || folder.StartsWith("Journal/Faster/", StringComparison.Ordinal);
    }

    private static IEnumerable<string> FilesNaming(string text)
        => SourceTree.Files(BrokerSource).Where(file => File.ReadLines(Path.Combine(BrokerSource, file))
            .Any(line => SourceTree.WithoutComment(line).Contains(text, StringComparison.Ordinal)));

    internal static IEnumerable<string> Violations(CompiledAssembly assembly, FolderArrows arrows)
        => assembly.InnerReferences
            .Where(reference => !arrows.Allows(reference.From.Folder, reference.To.Folder) && reference.From.Folder != reference.To.Folder)
            .Select(reference => $"{reference.From.FullName} in {reference.From.Folder} names {reference.To.FullName} in {reference.To.Folder}")
            .Order(StringComparer.Ordinal);
}
