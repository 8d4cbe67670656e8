using System.Reflection;
using System.Text;

namespace EmbeddedMq.Compliance;

/// <summary>The list of deliberate differences, generated from the tests that show them.</summary>
public sealed class DifferencesTests
{
    private const string FileName = "DIFFERENCES.md";

    /// <summary>With <c>EMBEDDEDMQ_WRITE_DOCS=1</c> it writes the file instead of comparing it.</summary>
    [Fact]
    public void Differences_List_IsThatOfTheTests()
    {
        string path = Path.Combine(FolderOfTheSuite(), FileName);
        string expected = Generate();
        if (Environment.GetEnvironmentVariable("EMBEDDEDMQ_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, expected);
        }

        Assert.True(File.Exists(path) && File.ReadAllText(path) == expected, $"{FileName} is not up to date. Write it with: EMBEDDEDMQ_WRITE_DOCS=1 dotnet test --project tests/EmbeddedMq.Compliance");
    }

    private static string Generate()
    {
        StringBuilder text = new(
            """
            # Where EmbeddedMq differs from RabbitMQ on purpose

            Generated from the tests of this folder that carry `DeliberateDifference`. Every other test passes on both engines: the broker of this
            repository, and a real RabbitMQ 3.10 (where that lacks a plugin or an operation, the test is skipped there and says so).

            | Difference and reason | Test |
            | --- | --- |

            """);
        IEnumerable<(string Why, string Test)> differences =
            from type in typeof(ComplianceSuite).Assembly.GetTypes()
            where type.IsAbstract && type.IsSubclassOf(typeof(ComplianceSuite))
            from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            let difference = method.GetCustomAttribute<DeliberateDifferenceAttribute>()
            where difference is not null
            orderby type.Name, method.Name
            select (difference.Why, $"{type.Name}.{method.Name}");
        foreach ((string why, string test) in differences)
        {
            text.Append($"| {why} | `{test}` |\n");
        }

        return text.ToString();
    }

    private static string FolderOfTheSuite()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "EmbeddedMq.Compliance.csproj")))
        {
            folder = folder.Parent;
        }

        Assert.True(folder is not null, "The tests do not run from within their project's folder.");
        return folder.FullName;
    }
}
