//! Every case of `fixtures/cases`, each a test of its name, through the whole pipeline and in every input form.

use crate::support::archive::{Codec, Form, Image};
use crate::support::case::{self, Case, Expected};
use crate::support::node::{Tree, assert_same};
use crate::support::read::{extract, files, images};
use crate::support::run::{squash, squash_with};

use imgsquash::Squash;
use imgsquash::request::Exactness;
use imgsquash::request::{Keep, Pick};

fn run(name: &str) {
    let case = case::named(name);
    for (form, codec) in [
        (Form::Docker, Codec::Plain),
        (Form::Oci, Codec::Gzip),
        (Form::Oci, Codec::GzipMembers),
        (Form::Oci, Codec::Zstd),
        (Form::Both, Codec::Plain),
    ] {
        check(&case, form, codec);
    }
    if let Expected::Tree(expected) = &case.expected {
        check_kept(&case, expected);
    }
}

fn check(case: &Case, form: Form, codec: Codec) {
    let image = Image { codec, ..Image::new(case.layers.iter().map(|layer| layer.tar()).collect()) };
    let what = format!("{} as {form:?} with {codec:?} layers", case.name);
    match (squash(&image.save(form)), &case.expected) {
        (Ok((archive, report)), Expected::Tree(expected)) => {
            assert_same(expected, &only_tree(&archive), &what);
            let account = &report.images[0];
            let plain: usize = image.layers.iter().map(Vec::len).sum();
            assert_eq!(
                account.copied_bytes + account.rewritten_bytes + account.reclaimed_bytes.total,
                plain as u64,
                "{what}: every byte is accounted for"
            );
            assert_eq!(account.copied_bytes + account.written_bytes, account.uncompressed_bytes.after, "{what}");
            let (again, _) = squash(&archive).unwrap();
            assert_eq!(only_layer(&again), only_layer(&archive), "{what}: squashing twice is squashing once");
        }
        (Err(error), Expected::Error(text)) => {
            assert!(error.to_string().contains(text), "{what}: expected \"{text}\" in \"{error}\"");
            assert_eq!(error.exit_code(), 3);
        }
        (found, expected) => panic!("{what}: expected {expected:?}, found {:?}", found.map(|(_, report)| report)),
    }
}

/// Whatever layers are kept, the layers together still make the tree, and those that are kept are the input's.
fn check_kept(case: &Case, expected: &Tree) {
    let image = Image { codec: Codec::Gzip, ..Image::new(case.layers.iter().map(|layer| layer.tar()).collect()) };
    let archive = image.save(Form::Oci);
    let blobs = images(&files(&archive))[0].1.blobs.clone();
    let layers = image.layers.len();
    for (from, to) in (0..layers).flat_map(|from| (from..layers).map(move |to| (from, to))) {
        let keep = Keep::Around(Pick::Position(from + 1), Pick::Position(to + 1));
        for exactness in [Exactness::Always, Exactness::Never] {
            let what = format!("{} with layers {} to {} squashed, {exactness:?} exact", case.name, from + 1, to + 1);
            let with = |options: &mut Squash| (options.keep, options.exactness) = (keep.clone(), exactness);
            let (kept, report) = squash_with(&archive, with).unwrap_or_else(|error| panic!("{what}: {error}"));
            let found = images(&files(&kept)).remove(0).1;
            let above = layers - 1 - to;
            assert!(found.blobs[..from] == blobs[..from] && found.blobs.ends_with(&blobs[layers - above..]), "{what}");
            assert!(found.blobs.len() <= from + 1 + above, "{what}");
            let (whole, _) = squash(&kept).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_same(expected, &only_tree(&whole), &what);
            let account = &report.images[0];
            let plain: usize = image.layers[from..=to].iter().map(Vec::len).sum();
            let accounted = account.copied_bytes + account.rewritten_bytes + account.reclaimed_bytes.total;
            assert_eq!(accounted, plain as u64, "{what}: every byte is accounted for");
            let made = account.copied_bytes + account.from_kept_bytes + account.written_bytes;
            assert_eq!(made, account.uncompressed_bytes.after, "{what}");
        }
    }
}

fn only_layer(archive: &[u8]) -> Vec<u8> {
    let mut images = images(&files(archive));
    assert_eq!(images.len(), 1);
    let image = images.remove(0).1;
    assert_eq!(image.layers.len(), 1);
    image.blobs[0].clone()
}

fn only_tree(archive: &[u8]) -> Tree {
    extract(&images(&files(archive))[0].1.layers[0])
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_case_of_the_fixtures_is_a_test() {
            let mut tests = vec![$(stringify!($name)),*];
            tests.sort_unstable();
            let mut cases: Vec<String> = case::all().into_iter().map(|case| case.name).collect();
            cases.sort_unstable();
            assert_eq!(tests, cases);
        }
    };
}

cases! {
    hardlink_other_name_whited_out
    hardlink_second_name_whited_out
    hardlink_overwritten_above_second_name_keeps_old_data
    hardlink_target_replaced_by_directory
    hardlink_of_three_names_loses_the_first
    hardlink_in_upper_layer_to_lower_file
    hardlink_in_upper_layer_changes_the_shared_metadata
    hardlink_header_differs_within_a_layer
    hardlink_before_its_target
    hardlink_to_hardlink_before_its_target
    hardlink_to_hardlink
    hardlink_target_through_a_symlink
    hardlink_target_through_a_lower_symlink
    hardlink_to_symlink
    hardlink_to_device_and_fifo
    hardlink_target_is_absolute
    hardlink_survives_when_everything_of_its_layer_is_replaced
    hardlink_target_repeated_in_its_layer
    hardlink_empty_files_are_linked_too
    hardlink_moved_by_removing_and_linking_again
    hardlink_to_nowhere
    hardlink_to_what_its_layer_removes
    hardlink_to_a_directory
    hardlink_to_a_lower_directory
    hardlink_to_itself
    hardlink_circle
    hardlink_target_through_a_symlink_loop
    modes_with_setuid_setgid_and_sticky
    owners_beyond_seven_octal_digits
    owner_names_are_kept
    times_to_the_nanosecond_before_1970_and_far_away
    extended_attributes_of_any_bytes
    extended_attribute_without_a_value
    trusted_attributes_are_kept
    unknown_pax_records_are_kept
    devices
    archive_without_an_end
    garbage_after_the_end
    spellings_of_one_path
    dots_inside_a_path
    name_that_leaves_the_root
    name_that_leaves_the_root_from_a_directory
    hardlink_target_that_leaves_the_root
    names_of_any_bytes
    long_names
    directory_over_directory_changes_metadata_and_keeps_children
    file_over_directory_without_whiteout
    directory_over_file
    directory_then_file_then_directory
    symlink_over_directory
    directory_over_symlink
    device_over_file_and_fifo_over_device
    attributes_absent_from_the_new_entry_are_gone
    directory_entry_after_its_children
    directory_declared_by_a_later_layer_only
    implied_parents
    implied_parent_keeps_a_lower_directory_as_it_is
    implied_parent_replaces_a_lower_file
    path_repeated_in_a_layer_last_wins
    directory_repeated_in_a_layer_last_wins
    file_over_directory_of_the_same_layer
    entry_below_a_file_of_the_same_layer
    root_entry_keeps_its_metadata
    root_as_a_file
    big_file_added_and_removed
    the_same_layer_twice
    empty_layers
    nothing_at_all
    symlink_whose_absolute_target_was_removed
    symlink_beside_an_unrelated_removed_name
    symlinks_are_kept_verbatim_wherever_they_point
    entry_through_a_lower_symlink_makes_a_directory
    entry_through_a_symlink_of_its_own_layer
    entry_through_an_absolute_symlink_of_its_own_layer
    entry_through_a_symlink_that_leaves_the_root
    entry_through_a_dangling_symlink_of_its_own_layer
    entry_through_two_symlinks_of_its_own_layer
    entry_before_the_symlink_that_replaces_its_directory
    entry_through_a_symlink_replaced_above
    entry_through_a_symlink_loop
    whiteout_of_a_file
    whiteout_of_a_directory_takes_its_children
    whiteout_then_recreated_file_marker_first
    whiteout_then_recreated_file_marker_last
    whiteout_then_recreated_directory_marker_first
    whiteout_then_recreated_directory_marker_last
    whiteout_of_child_and_parent
    whiteout_of_parent_and_child
    whiteout_of_nothing
    whiteout_makes_the_directories_it_lies_in
    whiteout_below_a_lower_symlink_replaces_it
    whiteout_by_name_whatever_its_type
    whiteout_directory_and_its_children_are_dropped
    names_that_only_look_like_whiteouts
    aufs_metadata_is_dropped
    whiteout_without_a_name
    whiteout_of_the_parent_directory
    opaque_directory_hides_lower_children_only
    opaque_marker_after_its_siblings
    opaque_directory_spelled_differently
    opaque_without_a_directory_entry
    opaque_root_clears_everything_below
    opaque_nested_and_repopulated
    opaque_over_a_lower_file
    overlay_whiteout_device
    overlay_opaque_attribute
    whiteout_of_a_symlink_does_not_follow_it
    file_removed_and_recreated_two_layers_later
}
