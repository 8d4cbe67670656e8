namespace EmbeddedMq.Samples.Tests;

/// <summary>The files of the repository that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path)).ReplaceLineEndings("\n");

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "EmbeddedMq.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"No EmbeddedMq.sln above {AppContext.BaseDirectory}: run the tests from their build output.");
    }
}
